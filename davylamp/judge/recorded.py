"""Readings of a release's sides → a recording: one row a tick, the same ticks for all sides."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import fields, replace

import numpy as np

from davylamp.judge.recording import Recording
from davylamp.judge.sample import LATENCY_BOUNDS_MS, Floats, Role, Sample, Series, series_of

_GAP_TICKS = 1.75
"""Reads further apart than that have a missing one between them; a busy machine reads late."""
_LUMP_TICKS = 3.5
"""What happened in more ticks than that, and is told in one, is not known by the tick."""
_SIDES = {Role.CANDIDATE: "canary", Role.BASELINE: "baseline", Role.STABLE: "stable"}


class NothingRecorded(ValueError):
    """There is no moment at which both candidate and baseline were read."""


def recording_of(
    samples: Mapping[Role, Sequence[Sample]],
    *,
    id: str,
    tick_seconds: float = 1.0,
    since: float = -math.inf,
    until: float = math.inf,
    share: Mapping[str, float] | None = None,
) -> Recording:
    """A recording from readings by role, each oldest first. Raises `NothingRecorded`.

    A tick is what lies between two reads. Its rows are NaN where a side was not read, where its
    counters went back, and where a read is missing. Only reads from `since` to `until` (Unix
    seconds) count, and only from the first to the last that has both sides of the comparison.
    """
    kept = {r: [s for s in found if since <= s.at <= until] for r, found in samples.items()}
    series = {role: series_of(found) for role, found in kept.items()}
    ends = {role: set(found.at.tolist()) for role, found in series.items()}
    common = ends.get(Role.CANDIDATE, set()) & ends.get(Role.BASELINE, set())
    if not common:
        raise NothingRecorded(f"{id}: no two reads in a row show both candidate and baseline")
    first, last = min(common), max(common)
    reads = np.unique([s.at for found in kept.values() for s in found if first <= s.at <= last])
    places = _places(reads, tick_seconds)
    sides = {
        _SIDES[role]: _on_ticks(_all_restarts(kept[role], found), reads, places, tick_seconds)
        for role, found in series.items()
        if len(found) or role is not Role.STABLE
    }
    return Recording(
        id=id,
        tick_seconds=tick_seconds,
        bounds_ms=LATENCY_BOUNDS_MS,
        canary=sides["canary"],
        baseline=sides["baseline"],
        stable=sides.get("stable"),
        share=dict(share or {}),
        notes=_notes(sides),
    )


def tick_at(recording: Recording, at: float) -> int:
    """The tick (0-based) in which a moment (Unix seconds) lies; the first for what was before."""
    ends = recording.canary.at
    return int(np.clip(np.searchsorted(ends, at), 0, len(ends) - 1))


def _places(reads: Floats, tick_seconds: float) -> list[int]:
    """The tick of each read: the next one, unless one is missing. A clock that drifts, or a
    read that is late, makes no gap."""
    places = [0]
    for apart in (np.diff(reads) / tick_seconds).tolist():
        places.append(places[-1] + (1 if apart < _GAP_TICKS else round(apart)))
    return places


def _all_restarts(samples: Sequence[Sample], series: Series) -> Series:
    """A restart often makes its own tick unknown: then the next known one tells of it."""
    grown = np.diff([s.restarts for s in samples], prepend=samples[0].restarts if samples else 0)
    so_far = np.cumsum(np.maximum(grown, 0))  # fewer: a copy is gone, and took its own with it
    known = np.searchsorted([s.at for s in samples], series.at)
    return replace(series, restarts=np.diff(so_far[known], prepend=0).astype(np.float64))


def _on_ticks(series: Series, reads: Floats, places: Sequence[int], tick_seconds: float) -> Series:
    """The rows of a side at the ticks of its reads, NaN at all others."""
    known = series.seconds <= _LUMP_TICKS * tick_seconds
    row_of = {at: i for i, at in enumerate(series.at.tolist()) if known[i]}
    pairs = [
        (place, row_of[at])
        for at, place in zip(reads.tolist(), places, strict=True)
        if at in row_of
    ]
    to, rows = ([p[i] for p in pairs] for i in (0, 1))
    columns: dict[str, Floats] = {}
    for field in fields(Series):
        found: Floats = getattr(series, field.name)
        columns[field.name] = np.full((places[-1] + 1, *found.shape[1:]), np.nan)
        columns[field.name][to] = found[rows]
    columns["at"] = np.interp(np.arange(places[-1] + 1), places, reads)
    return Series(**columns)


def _notes(sides: Mapping[str, Series]) -> tuple[str, ...]:
    """What a stream file's reader says of the same gaps."""
    missing = {name: int(np.isnan(side.failed).sum()) for name, side in sides.items()}
    return tuple(f"{n} × no reading of the {name}" for name, n in missing.items() if n)
