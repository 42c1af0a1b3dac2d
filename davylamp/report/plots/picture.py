"""The whole picture: four plots, 900 pixels wide, a PNG of few colours."""

# matplotlib says of its keyword arguments that they can be anything
# pyright: reportUnknownMemberType=false

from __future__ import annotations

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from davylamp.report.plots.errors import draw_errors
from davylamp.report.plots.evidence import draw_harm, draw_safety
from davylamp.report.plots.latency import draw_latency
from davylamp.report.plots.png import to_png
from davylamp.report.plots.scene import Scene

_INCHES = (9.0, 6.2)
_DOTS_PER_INCH = 100
_PANELS = (
    (draw_harm, (0.055, 0.575, 0.355, 0.375)),
    (draw_safety, (0.60, 0.575, 0.235, 0.375)),
    (draw_latency, (0.105, 0.08, 0.365, 0.375)),
    (draw_errors, (0.545, 0.08, 0.44, 0.375)),
)
"""What is drawn where: left, bottom, width, height as shares of the figure. Fixed by hand: to
find places anew takes longer than to draw."""


def draw(scene: Scene) -> bytes:
    """A PNG of 20–40 KB; empty when there is nothing to show yet."""
    figure = figure_of(scene)
    return b"" if figure is None else _png(figure)


def figure_of(scene: Scene) -> Figure | None:
    """The figure before it is rendered; None when there is nothing to show yet."""
    if scene.is_empty:
        return None
    figure = Figure(figsize=_INCHES, dpi=_DOTS_PER_INCH)
    with np.errstate(all="ignore"):
        for draw_panel, place in _PANELS:
            draw_panel(figure.add_axes(place), scene)
    return figure


def _png(figure: Figure) -> bytes:
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return to_png(np.asarray(canvas.buffer_rgba()))
