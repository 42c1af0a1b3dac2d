"""How all plots look: colours, axes, and labels at the ends of lines instead of a legend."""

# matplotlib says of its keyword arguments that they can be anything
# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false
# pyright: reportUnknownLambdaType=false

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FixedLocator, FuncFormatter, NullFormatter, NullLocator

from davylamp.judge.sample import Role
from davylamp.report.plots.scene import Scene

SIDES = {Role.CANDIDATE: "#e8590c", Role.BASELINE: "#1971c2", Role.STABLE: "#adb5bd"}
METRICS = {
    "error_rate": "#c2255c",
    "client_error_rate": "#f783ac",
    "latency_p50": "#74c0fc",
    "latency_p90": "#228be6",
    "latency_p99": "#1864ab",
    "hanging": "#9c36b5",
    "cpu_per_request": "#94d82d",
    "memory_bytes": "#2b8a3e",
    "restarts": "#fab005",
}
NAMED = ("#0c8599", "#e67700", "#5f3dc4", "#868e96")
"""Of the metrics that a service's owners have named."""
INK, FAINT, GRID, SPINE, QUIET = "#212529", "#868e96", "#e9ecef", "#ced4da", "#dee2e6"
ROLLED_BACK, DOUBTFUL, PASSED = "#e03131", "#f08c00", "#2f9e44"
ALL_COLOURS = (
    *SIDES.values(),
    *METRICS.values(),
    *NAMED,
    *(INK, FAINT, GRID, SPINE, QUIET),
    *(ROLLED_BACK, DOUBTFUL, PASSED),
)
SMALL, NORMAL = 7.5, 8.5
"""Points; at 100 dots an inch."""
_LONGEST_IN_SECONDS = 300.0
_LEAST_GAP = 0.068
"""Between two labels, as a share of the axes' height."""
_HIGHEST_LABEL = 0.97


@dataclass(frozen=True)
class End:
    """A label for the right end of a line that ends at `y`."""

    y: float
    text: str
    colour: str


def colour_of(metric: str) -> str:
    """A metric's own colour, the same in every plot."""
    return METRICS.get(metric) or NAMED[sum(metric.encode()) % len(NAMED)]


def style(axes: Axes, title: str) -> None:
    """Left-aligned title, light grid, no box."""
    axes.annotate(  # a real title looks for its place again and again
        title,
        (0, 1),
        xycoords="axes fraction",
        xytext=(0, 6),
        textcoords="offset points",
        fontsize=NORMAL,
        color=INK,
        annotation_clip=False,
    )
    axes.tick_params(labelsize=SMALL, colors=FAINT, labelcolor=INK, length=3)
    axes.grid(visible=True, color=GRID, linewidth=0.8)
    axes.set_axisbelow(True)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    for side in ("left", "bottom"):
        axes.spines[side].set_color(SPINE)


def time_axis(axes: Axes, scene: Scene) -> float:
    """Seconds or minutes since users met the candidate. Returns the unit in seconds."""
    seconds = max(scene.ended - scene.began, 1.0)
    unit, name = (1.0, "seconds") if seconds <= _LONGEST_IN_SECONDS else (60.0, "minutes")
    axes.set_xlim(0, seconds / unit)
    axes.set_xlabel(f"{name} since users met the candidate", fontsize=SMALL, color=INK)
    for mark in scene.marks:
        x = (mark.at - scene.began) / unit
        if -2 <= x <= seconds / unit:
            axes.axvline(max(x, 0.0), color=SPINE, linewidth=0.8, linestyle=(0, (2, 2)))
    return unit


def evidence_axis(axes: Axes, lowest: float, highest: float) -> None:
    """Powers of ten; plain numbers where people read them."""
    axes.set_yscale("log")
    axes.set_ylim(lowest, highest)
    first, last = int(np.ceil(np.log10(lowest))), int(np.floor(np.log10(highest)))
    step = max(1, -(-(last - first) // 7))
    axes.yaxis.set_major_locator(FixedLocator([10.0**p for p in range(first, last + 1, step)]))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda y, _: plain(y)))
    axes.yaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_minor_formatter(NullFormatter())


def plain(value: float) -> str:
    """1,000 and 0.01, and 1e6 where that is shorter."""
    if 1e-4 <= abs(value) < 1e5:
        return f"{value:,.10g}"
    return f"{value:.2g}".replace("e+0", "e").replace("e-0", "e-").replace("e+", "e")


def label_ends(axes: Axes, ends: Sequence[End]) -> None:
    """Write each label beside the end of its line, moved apart where they would overlap."""
    low, high = np.log10(axes.get_ylim())
    ordered = sorted(ends, key=lambda end: end.y)
    wanted = [(np.log10(max(end.y, 1e-300)) - low) / (high - low) for end in ordered]
    for end, y in zip(ordered, spread([float(np.clip(y, 0, 1)) for y in wanted]), strict=True):
        axes.annotate(
            end.text,
            (1.02, y),
            xycoords="axes fraction",
            fontsize=SMALL,
            color=end.colour,
            va="center",
            annotation_clip=False,
        )


def spread(wanted: Sequence[float], gap: float = _LEAST_GAP) -> list[float]:
    """Positions as wanted (ascending, in [0, 1]), but at least `gap` apart."""
    found: list[float] = []
    for y in wanted:
        found.append(max(y, found[-1] + gap) if found else y)
    ceiling = max(_HIGHEST_LABEL, gap * (len(found) - 1))
    for i in reversed(range(len(found))):
        found[i] = min(found[i], ceiling)
        ceiling = found[i] - gap
    return found


def say_nothing_yet(axes: Axes, text: str) -> None:
    """A panel without data says so."""
    axes.text(0.5, 0.5, text, transform=axes.transAxes, ha="center", fontsize=NORMAL, color=FAINT)
    axes.set_xticks([])
    axes.set_yticks([])
