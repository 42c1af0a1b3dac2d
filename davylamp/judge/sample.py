"""What one build of one service reported, and what lies between two reports.

A Sample is a reading of counters at a moment, as a Source gives it. A Series is what
happened between readings: one row a tick, ready for the judge.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]


class Role(StrEnum):
    """The part an instance plays for its service."""

    STABLE = "stable"
    BASELINE = "baseline"
    CANDIDATE = "candidate"


def _bounds() -> tuple[float, ...]:
    """0.5 ms to about 70 s; above 4 ms each at most 1.25 times the one before. Below 4 ms every
    whole ms has its bucket: Envoy counts no finer."""
    edges = [0.5, 1.0, 2.0, 3.0, 4.0]
    while edges[-1] < 60_000:
        edges.append(math.floor(edges[-1] * 12.5) / 10)  # down: rounding up would exceed 1.25
    return tuple(edges)


LATENCY_BOUNDS_MS: tuple[float, ...] = _bounds()
"""Upper edges of the latency histogram's buckets, in ms; one more bucket lies above the last."""


@dataclass(frozen=True)
class Sample:
    """Counters of one build of one service at one moment, summed over its instances.

    All counters only ever grow, except after a restart of what counts them.
    """

    service: str
    role: Role
    release_id: int
    at: float
    """Unix time in seconds."""
    started: int
    """Requests (attempts) begun."""
    succeeded: int
    """Attempts that ended with an answer below 500."""
    failed: int
    """Attempts that failed: 5xx, resets, refusals, time-outs; retried ones too."""
    responses: tuple[int, int, int, int, int]
    """Answers by class: 1xx, 2xx, 3xx, 4xx, 5xx."""
    latency: tuple[int, ...]
    """Answers by bucket of `LATENCY_BOUNDS_MS` (len + 1 entries), not cumulative over buckets."""
    in_flight: int
    """Requests begun and not ended, right now."""
    cpu_seconds: float | None = None
    memory_bytes: float | None = None
    instances: int = 0
    restarts: int = 0


@dataclass(frozen=True)
class Series:
    """What one build did, tick by tick. All arrays have n rows (ticks), oldest first.

    Units: `at` Unix seconds at the tick's end; `seconds` its length; `cpu_seconds` used in
    the tick; `memory_bytes` at its end, of one copy on average. `latency` is (n, buckets). NaN
    where not known.
    """

    at: Floats
    seconds: Floats
    started: Floats
    succeeded: Floats
    failed: Floats
    client_errors: Floats
    latency: Floats
    in_flight: Floats
    cpu_seconds: Floats
    memory_bytes: Floats
    restarts: Floats

    def __len__(self) -> int:
        return len(self.at)

    @property
    def completed(self) -> Floats:
        """Attempts that ended, well or badly, a tick."""
        return self.succeeded + self.failed

    def first(self, ticks: int) -> Series:
        """Only the first so many ticks."""
        return Series(**{name: column[:ticks] for name, column in vars(self).items()})

    def row(self, t: int) -> Series:
        """One tick alone."""
        return Series(**{name: column[t : t + 1] for name, column in vars(self).items()})

    def since(self, at: float) -> Series:
        """Only the ticks that ended after `at`."""
        keep = self.at > at
        return Series(**{name: column[keep] for name, column in vars(self).items()})


def series_of(samples: Sequence[Sample]) -> Series:
    """Turn readings of one build, oldest first, into ticks.

    A counter that goes backwards (what counts was restarted) makes its tick unknowable:
    that tick is left out. Readings that don't move forward in time are left out too.
    """
    ordered = sorted(samples, key=lambda s: s.at)
    pairs = [(a, b) for a, b in pairwise(ordered) if _follows(a, b)]
    buckets = len(LATENCY_BOUNDS_MS) + 1

    def column(values: Sequence[float | None]) -> Floats:
        return np.array([np.nan if v is None else v for v in values], dtype=np.float64)

    return Series(
        at=column([b.at for _, b in pairs]),
        seconds=column([b.at - a.at for a, b in pairs]),
        started=column([b.started - a.started for a, b in pairs]),
        succeeded=column([b.succeeded - a.succeeded for a, b in pairs]),
        failed=column([b.failed - a.failed for a, b in pairs]),
        client_errors=column([b.responses[3] - a.responses[3] for a, b in pairs]),
        latency=np.array(
            [np.subtract(b.latency, a.latency) for a, b in pairs], dtype=np.float64
        ).reshape(len(pairs), buckets),
        in_flight=column([b.in_flight for _, b in pairs]),
        cpu_seconds=column([_cpu_between(a, b) for a, b in pairs]),
        memory_bytes=column([_memory_of_one(b) for _, b in pairs]),
        restarts=column([b.restarts - a.restarts for a, b in pairs]),
    )


def _follows(earlier: Sample, later: Sample) -> bool:
    return (
        later.at > earlier.at
        and later.started >= earlier.started
        and later.succeeded >= earlier.succeeded
        and later.failed >= earlier.failed
        and len(later.latency) == len(earlier.latency)
        and all(b >= a for a, b in zip(earlier.latency, later.latency, strict=True))
    )


def _memory_of_one(sample: Sample) -> float | None:
    """Of one copy on average: a side grows to full size while it is being judged."""
    if sample.memory_bytes is None:
        return None
    return sample.memory_bytes / max(sample.instances, 1)


def _cpu_between(earlier: Sample, later: Sample) -> float | None:
    """CPU seconds used; unknown when an instance came, went or was restarted in between."""
    if earlier.cpu_seconds is None or later.cpu_seconds is None:
        return None
    used = later.cpu_seconds - earlier.cpu_seconds
    same = earlier.instances == later.instances and earlier.restarts == later.restarts
    return used if same and used >= 0 else None
