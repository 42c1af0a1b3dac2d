"""A series regrouped into the intervals whose figures are compared."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from davylamp.judge.sample import LATENCY_BOUNDS_MS, Floats, Series

_MOST = 1e15
"""Counts are cut here, so that sums of nonsense stay finite."""


@dataclass(frozen=True)
class Intervals:
    """What one build did, interval by interval (n rows). Counts are finite and not negative.

    `latency` is (n, buckets). `cpu_seconds` and `memory_bytes` are NaN where not known.
    """

    seconds: Floats
    started: Floats
    completed: Floats
    failed: Floats
    client_errors: Floats
    latency: Floats
    in_flight: Floats
    """At the interval's end."""
    cpu_seconds: Floats
    memory_bytes: Floats
    restarts: Floats
    bounds_ms: tuple[float, ...] = LATENCY_BOUNDS_MS
    """Upper edges of the latency buckets but the last."""

    @property
    def requests(self) -> float:
        return float(self.completed.sum())

    def __len__(self) -> int:
        return len(self.seconds)


def intervals_of(
    series: Series, seconds: float = 0.0, bounds_ms: tuple[float, ...] = LATENCY_BOUNDS_MS
) -> Intervals:
    """Group ticks into intervals of `seconds`; ticks about as long as that stay as they are."""
    starts = _starts(series, seconds)

    def total(column: Floats) -> Floats:
        return np.add.reduceat(_counts(column), starts, axis=0) if len(starts) else _counts(column)

    def last(column: Floats) -> Floats:
        return column[np.append(starts[1:], len(column)) - 1] if len(starts) else column

    return Intervals(
        seconds=total(series.seconds),
        started=total(series.started),
        completed=total(series.succeeded) + total(series.failed),
        failed=total(series.failed),
        client_errors=total(series.client_errors),
        latency=total(series.latency),
        in_flight=last(_counts(series.in_flight)),
        cpu_seconds=_known_totals(series.cpu_seconds, starts),
        memory_bytes=last(_finite(series.memory_bytes)),
        restarts=total(series.restarts),
        bounds_ms=bounds_ms,
    )


def _starts(series: Series, seconds: float) -> np.ndarray[tuple[int], np.dtype[np.intp]]:
    """Index of each interval's first tick."""
    n = len(series)
    lengths = _counts(series.seconds)
    if n == 0 or seconds <= 1.5 * float(np.median(lengths)):
        return np.arange(n)
    number = np.floor((np.cumsum(lengths) - lengths / 2) / seconds)
    return np.flatnonzero(np.diff(number, prepend=-1.0))


def _counts(column: Floats) -> Floats:
    return np.clip(np.nan_to_num(column, nan=0.0), 0.0, _MOST)


def _finite(column: Floats) -> Floats:
    return np.where(np.isfinite(column) & (column >= 0) & (column <= _MOST), column, np.nan)


def _known_totals(column: Floats, starts: np.ndarray[tuple[int], np.dtype[np.intp]]) -> Floats:
    """Sums of what is known; NaN where any tick of an interval is not."""
    known = _finite(column)
    return np.add.reduceat(known, starts) if len(starts) else known
