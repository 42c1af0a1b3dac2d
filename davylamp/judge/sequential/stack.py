"""Recordings of one shape, side by side: from files to ticks of B releases."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from davylamp.judge.recording import Recording
from davylamp.judge.sample import Floats, Series
from davylamp.judge.sequential.tick import Shape, Tick, counts_of, known_of

_COSTS = ("cpu_seconds", "memory_bytes", "started", "in_flight")


def shape_of(recordings: Sequence[Recording]) -> Shape:
    """What they have in common. All must agree in everything but their length."""
    first = recordings[0]
    slices = first.slices
    return Shape(
        releases=len(recordings),
        bounds_ms=first.bounds_ms,
        has_stable=first.stable is not None,
        slices=0 if slices is None else slices.completed.shape[1],
        slice_bounds_ms=() if slices is None else slices.bounds_ms,
        tick_seconds=first.tick_seconds,
    )


def key_of(recording: Recording) -> tuple[object, ...]:
    """Recordings with the same key can be judged side by side."""
    shape = shape_of([recording])
    return (
        shape.bounds_ms,
        shape.has_stable,
        shape.slices,
        shape.slice_bounds_ms,
        shape.tick_seconds,
    )


def ticks_of(recordings: Sequence[Recording]) -> Iterator[Tick]:
    """Tick by tick until the longest ends; shorter ones are not known after their end."""
    sides = [_sides(r) for r in recordings]
    longest = max(len(r) for r in recordings)

    def column(name: str) -> Floats:
        return np.stack(
            [_padded(np.stack([getattr(s, name) for s in of], 1), longest) for of in sides], 1
        )

    completed = column("completed")
    counts = {n: counts_of(column(n)) for n in ("failed", "client_errors", "latency", "restarts")}
    known = np.isfinite(completed)
    completed = counts_of(completed)
    costs = {
        n: known_of(column(n)) for n in ("cpu_seconds", "memory_bytes", "started", "in_flight")
    }
    slices = _slices(recordings, longest)
    for t in range(longest):
        yield Tick(
            known=known[t],
            completed=completed[t],
            slice_completed=slices[0][t],
            slice_failed=slices[1][t],
            slice_latency=slices[2][t],
            seconds=recordings[0].tick_seconds,
            **{name: values[t] for name, values in (counts | costs).items()},
        )


def _sides(recording: Recording) -> list[Series]:
    found = [recording.canary, recording.baseline]
    return found if recording.stable is None else [*found, recording.stable]


def _padded(values: Floats, length: int) -> Floats:
    missing = length - len(values)
    if not missing:
        return values
    return np.concatenate([values, np.full((missing, *values.shape[1:]), np.nan)])


def _slices(recordings: Sequence[Recording], length: int) -> tuple[Floats, Floats, Floats]:
    found = [r.slices for r in recordings]
    if any(s is None for s in found):
        shape = (length, len(recordings), 0)
        return np.zeros(shape), np.zeros(shape), np.zeros((*shape, 1))
    known = [s for s in found if s is not None]
    columns = [[s.completed for s in known], [s.failed for s in known], [s.latency for s in known]]
    stacked = [np.stack([_padded(v, length) for v in column], 1) for column in columns]
    return counts_of(stacked[0]), counts_of(stacked[1]), counts_of(stacked[2])
