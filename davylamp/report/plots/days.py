"""Releases a day, stacked by how they ended."""

# matplotlib says of its keyword arguments that they can be anything
# pyright: reportUnknownMemberType=false

from __future__ import annotations

import io
from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from davylamp.ledger.models import ReleaseState
from davylamp.report.days import OUTCOMES, Day
from davylamp.report.plots import look

_COLOURS = {
    ReleaseState.PROMOTED: look.PASSED,
    ReleaseState.ROLLED_BACK: look.ROLLED_BACK,
    ReleaseState.UNCONFIRMED: look.DOUBTFUL,
    ReleaseState.ABANDONED: "#868e96",
    ReleaseState.REFUSED: "#ced4da",
}
_INCHES = (4.8, 2.6)
_MOST_LABELS = 6


def draw_days(days: Sequence[Day], dots_per_inch: int = 150) -> bytes:
    """A PNG, 4.8 inches wide; empty without a release."""
    if not any(sum(day.counts.values()) for day in days):
        return b""
    figure = Figure(figsize=_INCHES, dpi=dots_per_inch)
    axes = figure.add_axes((0.08, 0.12, 0.90, 0.76))
    look.style(axes, "releases a day by how they ended (UTC)")
    x, bottom = np.arange(len(days)), np.zeros(len(days))
    for state in OUTCOMES:
        counts = np.array([day.counts[state] for day in days], dtype=float)
        if counts.any():
            name = str(state).replace("_", " ")
            label = f"{name} {counts.sum():,.0f}"
            axes.bar(x, counts, 0.8, bottom=bottom, color=_COLOURS[state], label=label)
        bottom += counts
    step = max(1, -(-len(days) // _MOST_LABELS))
    axes.set_xticks(x[::step], [f"{day.on:%d %b}" for day in days][::step])
    axes.set_xlim(-0.6, max(len(days), 7) - 0.4)
    axes.yaxis.set_major_locator(MaxNLocator(4, integer=True))
    axes.set_ylim(0, 1.4 * bottom.max())
    axes.legend(
        fontsize=look.SMALL,
        frameon=False,
        loc="upper left",
        ncols=3,
        columnspacing=1.2,
        handlelength=1.0,
        handletextpad=0.5,
    )
    out = io.BytesIO()
    figure.savefig(out, format="png")
    return out.getvalue()
