"""What a rival sees of a stream: figures of one side over windows of a minute."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from davylamp.judge.recording import Recording
from davylamp.judge.sample import Floats, Series
from davylamp.judge.verdict import Outcome

MINUTE_S = 60.0


@dataclass(frozen=True)
class RivalVerdict:
    """What a rival's rule says of a stream, and at which tick (0-based) it was decided.

    CONTINUE: the rule was still at it when the stream ended.
    """

    outcome: Outcome
    at_tick: int


@dataclass(frozen=True)
class Window:
    """One side over one interval; figures are NaN where there is nothing to make them of."""

    last_tick: int
    error_share: float
    p50_ms: float
    p90_ms: float
    p99_ms: float
    cpu_per_request_s: float
    memory_bytes: float


def windows(stream: Recording, side: Series, seconds: float = MINUTE_S) -> list[Window]:
    """The side in whole intervals; a rest at the end that isn't whole is left out."""
    return [_window(stream, side, ticks) for ticks in _intervals(stream, seconds)]


def histogram_quantile(q: float, bounds_ms: tuple[float, ...], counts: Floats) -> float:
    """A quantile the way Prometheus' `histogram_quantile` makes it of disjoint counts.

    Linear within a bucket; above the last bound, that bound; of nothing, NaN.
    """
    total = float(counts.sum())
    if total <= 0:
        return float("nan")
    upto = np.cumsum(counts)
    rank = q * total
    at = int(np.searchsorted(upto, rank))
    if at >= len(bounds_ms):
        return bounds_ms[-1]
    low = bounds_ms[at - 1] if at else 0.0
    before = float(upto[at - 1]) if at else 0.0
    inside = (rank - before) / float(counts[at]) if counts[at] else 1.0
    return low + (bounds_ms[at] - low) * inside


def _intervals(stream: Recording, seconds: float) -> Iterator[slice]:
    length = max(1, round(seconds / stream.tick_seconds))
    for start in range(0, len(stream) - length + 1, length):
        yield slice(start, start + length)


def _window(stream: Recording, side: Series, ticks: slice) -> Window:
    completed = float(np.nansum(side.completed[ticks]))
    counts = np.nansum(side.latency[ticks], axis=0)
    p50, p90, p99 = (histogram_quantile(q, stream.bounds_ms, counts) for q in (0.5, 0.9, 0.99))
    return Window(
        last_tick=ticks.stop - 1,
        error_share=_over(float(np.nansum(side.failed[ticks])), completed),
        p50_ms=p50,
        p90_ms=p90,
        p99_ms=p99,
        cpu_per_request_s=_over(_total(side.cpu_seconds[ticks]), completed),
        memory_bytes=_mean(side.memory_bytes[ticks]),
    )


def _over(amount: float, requests: float) -> float:
    return amount / requests if requests > 0 else float("nan")


def _total(values: Floats) -> float:
    """NaN, not 0, where nothing is known."""
    return float("nan") if np.isnan(values).all() else float(np.nansum(values))


def _mean(values: Floats) -> float:
    known = values[~np.isnan(values)]
    return float(known.mean()) if known.size else float("nan")
