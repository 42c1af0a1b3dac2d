"""Latency: which share of answers was slower than x, on every side."""

# matplotlib says of its keyword arguments that they can be anything
# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false
# pyright: reportUnknownLambdaType=false

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FixedLocator, FuncFormatter, LogLocator, NullLocator

from davylamp.judge.quantile import quantile_ms
from davylamp.judge.sample import Floats, Role
from davylamp.report.plots import look
from davylamp.report.plots.scene import Scene

_SHARES = {0.5: "p50  50 %", 0.1: "p90  10 %", 0.01: "p99   1 %", 0.001: "p99.9  0.1 %"}
_LEAST_SHARE = 3e-4
_SUBS, _FEWER_SUBS, _WIDE = (1.0, 2.0, 5.0), (1.0, 3.0), 200.0
_ROOM_ABOVE = 13.0
"""For the legend: nothing is drawn above a share of 1."""


def draw_latency(axes: Axes, scene: Scene) -> None:
    """The tail is what hurts, so it is what is seen: both axes are logarithmic."""
    look.style(axes, "share of answers slower than … ms")
    bounds = np.asarray(scene.bounds_ms)
    counts = {role: _counts(one.latency, len(bounds)) for role, one in scene.shown().items()}
    counts = {role: found for role, found in counts.items() if found.sum() > 0}
    if not counts:
        look.say_nothing_yet(axes, "no answer timed yet")
        return
    for role in reversed(list(counts)):
        found = counts[role]
        share = 1 - np.cumsum(found)[:-1] / found.sum()
        share = np.where(share > 1e-12, share, np.nan)
        width = 1.0 if role is Role.STABLE else 1.6
        label = _label(role, found, scene)
        axes.plot(bounds, share, color=look.SIDES[role], linewidth=width, label=label)
    _scales(axes, counts, bounds)
    handles, labels = axes.get_legend_handles_labels()
    axes.legend(handles[::-1], labels[::-1], fontsize=look.SMALL, frameon=False, loc="upper right")


def _counts(latency: Floats, bounds: int) -> Floats:
    """(K + 1,) over all ticks that are known."""
    return np.nansum(latency, axis=0) if len(latency) else np.zeros(bounds + 1)


def _label(role: Role, counts: Floats, scene: Scene) -> str:
    p50, p99 = (float(quantile_ms(counts[None], q, scene.bounds_ms)) for q in (0.5, 0.99))
    return f"{role}: p50 {_ms(p50)}, p99 {_ms(p99)} ({counts.sum():,.0f})"


def _ms(value: float) -> str:
    if not np.isfinite(value):
        return "unknown"
    return f"{value:.0f} ms" if value >= 10 else f"{value:.1f} ms"


def _scales(axes: Axes, counts: dict[Role, Floats], bounds: Floats) -> None:
    axes.set_xscale("log")
    axes.set_xlim(*_interesting(counts, bounds))
    low, high = axes.get_xlim()
    axes.xaxis.set_major_locator(LogLocator(subs=_SUBS if high < _WIDE * low else _FEWER_SUBS))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda x, _: f"{x:,g}"))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.set_yscale("log")
    axes.set_ylim(_LEAST_SHARE, _ROOM_ABOVE)
    axes.yaxis.set_major_locator(FixedLocator(list(_SHARES)))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda y, _: _SHARES.get(float(f"{y:.3g}"), "")))
    axes.yaxis.set_minor_locator(NullLocator())
    axes.set_xlabel("ms", fontsize=look.SMALL, color=look.INK)


def _interesting(counts: dict[Role, Floats], bounds: Floats) -> tuple[float, float]:
    """From where one in a hundred answers is there to where the last ones come in."""
    reached = np.stack([found.cumsum()[:-1] / found.sum() for found in counts.values()])
    first = int(np.searchsorted(reached.max(axis=0), 0.01))
    last = int(np.searchsorted(reached.min(axis=0), 1 - _LEAST_SHARE))
    low, high = max(first - 1, 0), min(last + 1, len(bounds) - 1)
    return float(bounds[min(low, high - 1)]), float(bounds[high])
