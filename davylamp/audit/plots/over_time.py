"""Findings over time: a stack of codes, and the gaps in which nobody looked."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import timedelta
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from davylamp.audit.plots.png import png_of
from davylamp.ledger.audits import Look

_INK, _GRID, _BLIND = "#212529", "#e9ecef", "#f1f3f5"
_COLOURS = ("#e03131", "#f08c00", "#1971c2", "#2b8a3e", "#9c36b5", "#0c8599", "#c2255c", "#adb5bd")
_GAP = timedelta(minutes=5)
"""Longer between two looks than this, and what was then isn't known."""
_MOST_POINTS = 600


def draw_over_time(looks: Sequence[Look]) -> bytes:
    """PNG, 900 pixels wide; empty for fewer than two looks. Looks come oldest first."""
    if len(looks) < 2:
        return b""
    shown = _thinned(looks)
    figure: Any = Figure(figsize=(9.0, 2.6), dpi=100, layout="constrained")
    axes = figure.add_subplot()
    at = [look.at for look in shown]
    codes = _codes(shown)
    heights = [_height(shown, code, codes) for code in codes]
    total = np.sum(heights, axis=0) if heights else np.zeros(len(shown))
    if codes:
        axes.stackplot(at, heights, labels=codes, colors=_COLOURS, step="post", linewidth=0)
    for one, after in pairwise(shown):
        if after.at - one.at > _GAP:
            axes.axvspan(one.at + _GAP, after.at, color=_BLIND, zorder=3)
    _style(axes, at, float(total.max()))
    if codes:
        figure.legend(loc="outside right upper", fontsize=7.5, frameon=False)
    return png_of(figure)


def _codes(looks: Sequence[Look]) -> list[str]:
    """The most frequent, and `others` for the rest."""
    total: Counter[str] = Counter()
    for look in looks:
        total.update(look.counts)
    found = [code for code, _ in total.most_common()]
    most = len(_COLOURS)
    return found if len(found) <= most else [*found[: most - 1], "others"]


def _height(looks: Sequence[Look], code: str, codes: Sequence[str]) -> npt.NDArray[np.float64]:
    if code != "others":
        return np.array([look.counts.get(code, 0) for look in looks], dtype=float)
    named = set(codes)
    rest = [sum(n for c, n in look.counts.items() if c not in named) for look in looks]
    return np.array(rest, dtype=float)


def _thinned(looks: Sequence[Look]) -> Sequence[Look]:
    """Every n-th and the last, and of each n the one with the most findings: a short alarm is
    not lost between two points."""
    step = -(-len(looks) // _MOST_POINTS)
    parts = [looks[i : i + step] for i in range(0, len(looks), step)]
    return [max(part, key=lambda look: sum(look.counts.values())) for part in parts[:-1]] + [
        looks[-1]
    ]


def _style(axes: Any, at: Sequence[Any], highest: float) -> None:
    axes.set_xlim(at[0], at[-1])
    axes.set_ylim(0, max(1.0, highest * 1.1))
    axes.yaxis.set_major_locator(MaxNLocator(integer=True, nbins=5))
    locator = AutoDateLocator()
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(ConciseDateFormatter(locator))
    axes.tick_params(labelsize=7.5, length=3, labelcolor=_INK)
    axes.grid(visible=True, axis="y", color=_GRID)
    axes.set_axisbelow(True)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    axes.set_title(
        "findings, by code (UTC; grey: nobody looked)", fontsize=8.5, color=_INK, loc="left"
    )
