"""Errors: the share of requests that failed, in points of some seconds, with their intervals."""

# matplotlib says of its keyword arguments that they can be anything
# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false
# pyright: reportUnknownLambdaType=false

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes

from davylamp.judge.sample import Floats, Role, Series
from davylamp.report.plots import look
from davylamp.report.plots.scene import Scene, total
from davylamp.report.wilson import wilson

_MOST_POINTS = 40
_LEAST_REQUESTS = 20.0
"""In a point: the interval of fewer says nothing."""
_LEAST_TOP = 1.0
"""Per cent that the axis shows at least."""


def draw_errors(axes: Axes, scene: Scene) -> None:
    """Each point for itself, so its interval is one of a fixed window (Wilson's)."""
    look.style(axes, "failed requests in %; band: 95 % interval (Wilson) of each point")
    sides = scene.shown()
    if not sides:
        look.say_nothing_yet(axes, "no request yet")
        return
    unit = look.time_axis(axes, scene)
    tops: list[float] = []
    for role, one in reversed(list(sides.items())):
        at, failed, completed = binned(one)
        rate, lower, upper = (100 * v for v in wilson(failed, completed))
        x, colour = (at - scene.began) / unit, look.SIDES[role]
        axes.plot(x, rate, color=colour, label=_label(role, one), linewidth=1.3, marker=".", ms=4)
        if role is not Role.STABLE:
            axes.fill_between(x, lower, upper, color=colour, alpha=0.15, linewidth=0)
        tops.append(_top(rate, upper))
    axes.set_ylim(0, min(max(_LEAST_TOP, *tops), 102.0))
    handles, labels = axes.get_legend_handles_labels()
    axes.legend(handles[::-1], labels[::-1], fontsize=look.SMALL, frameon=False, loc="upper left")


def binned(one: Series) -> tuple[Floats, Floats, Floats]:
    """Middles, failures and requests of ticks put together: until at most 40 points are left, and
    until each has twenty requests."""
    failed, completed = (np.nan_to_num(v) for v in (one.failed, one.completed))
    starts = _starts(completed)
    ends = np.append(starts[1:], len(one)) - 1
    middles = (one.at[starts] - one.seconds[starts] + one.at[ends]) / 2
    return middles, np.add.reduceat(failed, starts), np.add.reduceat(completed, starts)


def _starts(completed: Floats) -> np.ndarray:
    """First ticks of the points; what would be too little for one at the end joins the last."""
    width = max(1, -(-len(completed) // _MOST_POINTS))
    before = np.concatenate([[0.0], np.cumsum(completed)])
    found = [0]
    for t in range(width, len(completed)):
        is_enough = before[t] - before[found[-1]] >= _LEAST_REQUESTS
        is_enough_left = before[-1] - before[t] >= _LEAST_REQUESTS
        if t - found[-1] >= width and is_enough and is_enough_left:
            found.append(t)
    return np.array(found)


def _label(role: Role, one: Series) -> str:
    failed, completed = total(one.failed), total(one.completed)
    return f"{role}: {100 * failed / completed:.2g} % of {completed:,.0f}"


def _top(rate: Floats, upper: Floats) -> float:
    """High enough for every rate and for most of the bands: that of a single request is wide."""
    known = np.isfinite(rate)
    if not known.any():
        return 0.0
    return max(1.5 * float(rate[known].max()), 1.3 * float(np.median(upper[known])))
