"""A recorded stream: what each side of one release did, tick by tick."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from davylamp.judge.sample import Floats, Series


@dataclass(frozen=True)
class Slices:
    """Stable cut into groups of the same code: what identical builds look like right now.

    `completed` and `failed` are (T, J), `latency` (T, J, buckets) of disjoint counts under
    `bounds_ms` (upper edges in ms; one more bucket lies above the last). NaN where not known.
    """

    bounds_ms: tuple[float, ...]
    completed: Floats
    failed: Floats
    latency: Floats


@dataclass(frozen=True)
class Recording:
    """All sides over the same T ticks. A side without data in a tick has a row of NaN there.

    `bounds_ms` are the upper edges of the latency buckets in ms; `share` is the share of users
    that was meant for a side, where that is known (`baseline`, `canary`, `stable`).
    """

    id: str
    tick_seconds: float
    bounds_ms: tuple[float, ...]
    canary: Series
    baseline: Series
    stable: Series | None = None
    slices: Slices | None = None
    share: Mapping[str, float] = field(default_factory=dict[str, float])
    notes: tuple[str, ...] = ()
    """What was wrong with the data when it was read: gaps, repeats, readings that went back."""

    def __len__(self) -> int:
        return len(self.canary)


def series_from(
    *,
    completed: Floats,
    failed: Floats,
    latency: Floats,
    tick_seconds: float = 1.0,
    client_errors: Floats | None = None,
    started: Floats | None = None,
    in_flight: Floats | None = None,
    cpu_seconds: Floats | None = None,
    memory_bytes: Floats | None = None,
    restarts: Floats | None = None,
) -> Series:
    """A series of T ticks from columns of T rows; `latency` is (T, buckets). Default: unknown."""
    n = len(completed)
    nothing, unknown = np.zeros(n), np.full(n, np.nan)
    return Series(
        at=tick_seconds * np.arange(1, n + 1, dtype=np.float64),
        seconds=np.full(n, tick_seconds),
        started=unknown if started is None else started,
        succeeded=completed - failed,
        failed=failed,
        client_errors=nothing if client_errors is None else client_errors,
        latency=latency,
        in_flight=unknown if in_flight is None else in_flight,
        cpu_seconds=unknown if cpu_seconds is None else cpu_seconds,
        memory_bytes=unknown if memory_bytes is None else memory_bytes,
        restarts=nothing if restarts is None else restarts,
    )


def cut_zeros(counts: Sequence[float]) -> list[int]:
    """Whole counts without the zeros at their end."""
    found = [round(c) for c in counts]
    while found and found[-1] == 0:
        found.pop()
    return found
