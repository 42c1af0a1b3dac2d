"""One small picture of a release: how fast and how often wrong, candidate against baseline."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from davylamp.judge.sample import Floats, Series

_SIDES = {"candidate": "#d9480f", "baseline": "#1971c2"}
_MOST_POINTS = 40
_Z = 1.96
"""Of a 95 % interval."""


def draw(candidate: Series, baseline: Series) -> bytes:
    """A PNG of about 25 KB; empty when neither side has had a request."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    sides = {"candidate": candidate, "baseline": baseline}
    sides = {name: one for name, one in sides.items() if len(one) and one.completed.sum() > 0}
    if not sides:
        return b""
    figure = Figure(figsize=(9, 3.1), dpi=80, layout="constrained")
    FigureCanvasAgg(figure)
    latency, errors = figure.subplots(1, 2)
    _draw_latency(latency, sides)
    _draw_errors(errors, sides)
    out = io.BytesIO()
    figure.savefig(out, format="png")
    return out.getvalue()


def wilson(failed: Floats, total: Floats) -> tuple[Floats, Floats, Floats]:
    """Rate and its 95 % interval (Wilson 1927); the rate is NaN where there were no requests."""
    import numpy as np

    with np.errstate(divide="ignore", invalid="ignore"):
        rate = failed / total
        middle = (rate + _Z**2 / (2 * total)) / (1 + _Z**2 / total)
        reach = np.sqrt(rate * (1 - rate) / total + _Z**2 / (4 * total**2))
        half = _Z / (1 + _Z**2 / total) * reach
    return rate, np.clip(middle - half, 0, 1), np.clip(middle + half, 0, 1)


def _draw_latency(axes: Axes, sides: dict[str, Series]) -> None:
    import numpy as np

    from davylamp.judge.sample import LATENCY_BOUNDS_MS

    bounds = np.array(LATENCY_BOUNDS_MS)
    for name, one in sides.items():
        counts = one.latency.sum(axis=0)
        if counts.sum() > 0:
            share = np.cumsum(counts[:-1]) / counts.sum()
            axes.step(bounds, share, where="post", color=_SIDES[name], label=name)
    axes.set_xscale("log")
    axes.set_xlim(_interesting(sides, bounds))
    axes.set_ylim(0, 1.02)
    axes.axhline(0.99, color="grey", linewidth=0.6, linestyle=":")
    axes.set_xlabel("latency (ms)")
    axes.set_title("share of answers within (dotted: 99 %)", fontsize=9)
    axes.legend(fontsize=8, frameon=False)


def _interesting(sides: dict[str, Series], bounds: Floats) -> tuple[float, float]:
    import numpy as np

    used = np.flatnonzero(sum(one.latency.sum(axis=0) for one in sides.values())[:-1])
    first, last = (used[0], used[-1]) if len(used) else (0, len(bounds) - 1)
    return float(bounds[max(first - 1, 0)]), float(bounds[min(last + 1, len(bounds) - 1)])


def _draw_errors(axes: Axes, sides: dict[str, Series]) -> None:
    began = min(one.at[0] - one.seconds[0] for one in sides.values())
    for name, one in sides.items():
        at, failed, total = _binned(one)
        rate, lower, upper = wilson(failed, total)
        axes.plot(at - began, 100 * rate, color=_SIDES[name], label=name, marker=".", markersize=4)
        axes.fill_between(
            at - began, 100 * lower, 100 * upper, color=_SIDES[name], alpha=0.15, linewidth=0
        )
    axes.set_ylim(bottom=0)
    axes.set_xlabel("seconds since the first request")
    axes.set_title("failed requests, % (band: 95 % interval)", fontsize=9)


def _binned(one: Series) -> tuple[Floats, Floats, Floats]:
    """Ticks put together until at most 40 points are left."""
    import numpy as np

    width = max(1, -(-len(one) // _MOST_POINTS))
    starts = np.arange(0, len(one), width)
    ends = np.minimum(starts + width, len(one)) - 1
    return one.at[ends], np.add.reduceat(one.failed, starts), np.add.reduceat(one.completed, starts)
