"""The four plots one by one, for a page: on a narrow screen they stand below each other."""

# matplotlib says of its keyword arguments that they can be anything
# pyright: reportUnknownMemberType=false

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from davylamp.judge.sample import Role
from davylamp.report.plots.errors import draw_errors
from davylamp.report.plots.evidence import draw_harm, draw_safety
from davylamp.report.plots.latency import draw_latency
from davylamp.report.plots.png import to_png
from davylamp.report.plots.scene import Scene, total

_INCHES = (4.5, 2.9)
_PIXELS = 520
"""Wide on the page; drawn finer, for screens that are."""
_DOTS_PER_INCH = 180
_Place = tuple[float, float, float, float]
_BESIDE_LABELS: _Place = (0.10, 0.14, 0.56, 0.75)
_FULL: _Place = (0.08, 0.14, 0.90, 0.75)
_BESIDE_NAMES: _Place = (0.17, 0.14, 0.81, 0.75)


@dataclass(frozen=True)
class Panel:
    """One plot as a PNG, with what it shows in words."""

    name: str
    alt: str
    png: bytes
    width: int = _PIXELS


def draw_panels(scene: Scene) -> list[Panel]:
    """Evidence of harm and of harmlessness over time with their thresholds, both latency
    distributions, error rates with intervals. None of a release with nothing to show."""
    if scene.is_empty:
        return []
    return [
        Panel(
            "Evidence of harm over time. At the upper line the candidate is taken back.",
            f"Evidence of harm over time: {_evidence(scene)}",
            _drawn(draw_harm, _BESIDE_LABELS, scene),
        ),
        Panel(
            "Evidence of harmlessness. Every metric has to get above the line.",
            "Evidence of harmlessness over time, a line a metric, with the line each has to pass",
            _drawn(draw_safety, _BESIDE_LABELS, scene),
        ),
        Panel(
            "Latency: the share of answers that took longer than so many ms.",
            f"Latency distributions of {_sides(scene)}",
            _drawn(draw_latency, _BESIDE_NAMES, scene),
        ),
        Panel(
            "Failed requests, with the interval of each point.",
            f"Error rates over time with 95 % intervals: {_rates(scene)}",
            _drawn(draw_errors, _FULL, scene),
        ),
    ]


def _drawn(draw: Callable[[Axes, Scene], None], place: _Place, scene: Scene) -> bytes:
    figure = Figure(figsize=_INCHES, dpi=_DOTS_PER_INCH)
    with np.errstate(all="ignore"):
        draw(figure.add_axes(place), scene)
        canvas = FigureCanvasAgg(figure)
        canvas.draw()
    return to_png(np.asarray(canvas.buffer_rgba()))


def _evidence(scene: Scene) -> str:
    track = scene.track
    if track is None or not len(track):
        return "nothing was judged"
    highest = float(np.exp(np.clip(np.nanmax(track.harm, initial=-690.0), -690, 690)))
    return f"at most {highest:.3g}; taken back from {track.thresholds.rollback:g}"


def _sides(scene: Scene) -> str:
    return ", ".join(scene.shown()) or "nobody: no request was answered"


def _rates(scene: Scene) -> str:
    order: dict[Role, str] = {
        role: f"{role} {100 * total(one.failed) / total(one.completed):.2g} % of "
        f"{total(one.completed):,.0f}"
        for role, one in scene.shown().items()
    }
    return ", ".join(order.values()) or "no request"
