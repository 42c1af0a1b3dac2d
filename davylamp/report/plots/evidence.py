"""Evidence over time: of harm, and where it rolls back; of harmlessness, and where it promotes."""

# matplotlib says of its keyword arguments that they can be anything
# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false
# pyright: reportUnknownLambdaType=false

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes

from davylamp.judge.sample import Floats
from davylamp.judge.track import EvidenceTrack
from davylamp.report.plots import look
from davylamp.report.plots.look import End
from davylamp.report.plots.scene import Scene

_MOST_POINTS = 400
_LOWEST, _HIGHEST = 1e-3, 1e12
_NAMED = 4
"""Metrics that are named and coloured; the others are grey."""
_CLIP = 690.0
_ROOM_FOR_A_MARK = 0.1


def draw_harm(axes: Axes, scene: Scene) -> None:
    """All evidence of harm, and the metrics it is made of. Only the sum is compared."""
    look.style(axes, "evidence of harm: all together, and each metric's part")
    track = scene.track
    if track is None or not len(track):
        look.say_nothing_yet(axes, "nothing judged yet")
        return
    unit = look.time_axis(axes, scene)
    at, harm, parts = _thinned(track)
    x = (at - scene.began) / unit
    look.evidence_axis(axes, _LOWEST, _top(harm, track.thresholds.rollback))
    _threshold(axes, track.thresholds.rollback, look.ROLLED_BACK, "rolled back from")
    _threshold(axes, track.thresholds.doubtful, look.DOUBTFUL, "not promoted from")
    named = _strongest(track, parts)
    ends: list[End] = []
    for i, name in enumerate(track.metrics):
        values = _e_values(parts[:, i])
        colour = look.colour_of(name) if name in named else look.QUIET
        width = 1.3 if name in named else 0.8
        axes.plot(x, values, color=colour, linewidth=width, label=name, zorder=2 + (name in named))
        if name in named and np.isfinite(values[-1]):
            ends.append(End(values[-1], f"{name} {_short(values[-1])}", colour))
    values = _e_values(harm)
    axes.plot(x, values, color=look.INK, linewidth=2.0, label="all together", zorder=5)
    ends.append(End(values[-1], f"all together {_short(values[-1])}", look.INK))
    look.label_ends(axes, ends)
    _name_marks(axes, scene, unit)


def draw_safety(axes: Axes, scene: Scene) -> None:
    """Evidence of harmlessness: every metric that is asked for it has to get above the line."""
    look.style(axes, "evidence of harmlessness: all have to pass")
    track = scene.track
    if track is None or not len(track):
        look.say_nothing_yet(axes, "nothing judged yet")
        return
    unit = look.time_axis(axes, scene)
    places = _places(len(track))
    x = (track.at[places] - scene.began) / unit
    look.evidence_axis(axes, 1e-2, 25 * track.thresholds.safe)
    _threshold(axes, track.thresholds.safe, look.PASSED, "passed from", on_the_right=True)
    ends: list[End] = []
    for i, name in enumerate(track.safe_metrics):
        values = _e_values(track.safe[places, i])
        if not np.isfinite(values[-1]):
            continue
        colour = look.colour_of(name)
        axes.plot(x, values, color=colour, linewidth=1.3, label=name)
        ends.append(End(values[-1], f"{name} {_short(values[-1])}", colour))
    look.label_ends(axes, ends)


def _threshold(
    axes: Axes, value: float, colour: str, text: str, *, on_the_right: bool = False
) -> None:
    axes.axhline(value, color=colour, linewidth=1.1, linestyle="--", label=text, zorder=4)
    axes.annotate(
        f"{text} {look.plain(value)}",
        (0.99 if on_the_right else 0.01, value),
        xycoords=("axes fraction", "data"),
        xytext=(0, 2),
        textcoords="offset points",
        fontsize=look.SMALL,
        color=colour,
        ha="right" if on_the_right else "left",
        va="bottom",
        zorder=6,
    )


def _name_marks(axes: Axes, scene: Scene, unit: float) -> None:
    """At the top; one line lower where the mark before is too near to write beside it."""
    last, line = axes.get_xlim()[1], 0
    before = -last
    for mark in scene.marks:
        x = max((mark.at - scene.began) / unit, 0.0)
        if x > last:
            continue
        line = line + 1 if x - before < _ROOM_FOR_A_MARK * last else 0
        before = x
        axes.annotate(
            f" {mark.text}",
            (x, 0.995),
            xycoords=("data", "axes fraction"),
            xytext=(0, -9 * line),
            textcoords="offset points",
            fontsize=look.SMALL,
            color=look.FAINT,
            va="top",
        )


def _thinned(track: EvidenceTrack) -> tuple[Floats, Floats, Floats]:
    """At most 400 points: of those put together the highest, so that no peak is lost."""
    if len(track) <= _MOST_POINTS:
        return track.at, track.harm, track.parts
    starts = _starts(len(track))
    harm = np.fmax.reduceat(track.harm, starts)
    return track.at[_places(len(track))], harm, np.fmax.reduceat(track.parts, starts, axis=0)


def _starts(ticks: int) -> np.ndarray:
    return np.unique(np.linspace(0, ticks, min(ticks, _MOST_POINTS), endpoint=False).astype(int))


def _places(ticks: int) -> np.ndarray:
    """The last tick of each of at most 400 groups."""
    return np.append(_starts(ticks)[1:], ticks) - 1


def _strongest(track: EvidenceTrack, parts: Floats) -> set[str]:
    """The metrics that weighed most at their worst."""
    highest = np.nan_to_num(parts, nan=-np.inf).max(axis=0)
    order = np.argsort(-highest)[:_NAMED]
    return {track.metrics[i] for i in order if np.isfinite(highest[i])}


def _e_values(logs: Floats) -> Floats:
    return np.exp(np.clip(logs, -_CLIP, _CLIP))


def _top(harm: Floats, rollback: float) -> float:
    highest = float(np.nanmax(_e_values(harm), initial=1.0))
    return min(max(10 * rollback, 5 * highest), _HIGHEST)


def _short(value: float) -> str:
    return look.plain(float(f"{value:.2g}")) if value >= _LOWEST else "≈ 0"
