"""From the fate of each request to a recording: what a proxy would have counted, tick by tick."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt
from numpy.random import Generator

from benchmarks.calibration.queueing_engine import Outcome
from benchmarks.calibration.queueing_requests import (
    CLIENT_ERROR,
    FAILED,
    LOST,
    Ints,
    pool_sizes,
)
from benchmarks.calibration.queueing_service import Service
from davylamp.judge.recording import Recording, Slices, series_from
from davylamp.judge.sample import Floats, Series

BOUNDS_MS = tuple(round(0.5 * 1.2**k, 4) for k in range(65))
"""0.5 ms to 58 s."""
SLICE_BOUNDS_MS = BOUNDS_MS[1::3]
MB = 2.0**20


@dataclass(frozen=True)
class Fates:
    """One row a request: when it came and went (tick), how, and after how many ms."""

    begun: Ints
    ended: Ints
    """The number of ticks where it had not ended by then."""
    result: Ints
    latency_ms: Floats
    group: Ints
    """The instance it went to."""


@dataclass(frozen=True)
class Proxy:
    """How the proxy reports: whole milliseconds or not, histogram a tick behind or not."""

    whole_ms: bool
    lags: bool


def draw_proxy(rng: Generator) -> Proxy:
    return Proxy(whole_ms=bool(rng.random() < 0.5), lags=bool(rng.random() < 0.3))


def fates(service: Service, at: Floats, outcome: Outcome, ticks: int, proxy: Proxy) -> Fates:
    """A client waits for its time-out and not longer; what ends later is lost."""
    late = outcome.end > at + service.timeout_seconds
    end = np.where(late, at + service.timeout_seconds, outcome.end)
    latency = (end - at) * 1000
    return Fates(
        begun=at.astype(np.int64),
        ended=np.minimum(end, ticks).astype(np.int64),
        result=np.where(late, LOST, outcome.result),
        latency_ms=np.floor(latency) if proxy.whole_ms else latency,
        group=outcome.instance,
    )


def record(
    service: Service,
    outcome: Outcome,
    seen: Fates,
    proxy: Proxy,
    name: str,
    rng: Generator,
) -> Recording:
    """All sides, and stable's slices of as many instances as the candidate has."""
    edges = np.cumsum((0, *pool_sizes(service)))
    sides = [_side(outcome, seen, proxy, slice(int(a), int(b)), rng) for a, b in pairwise(edges)]
    stable = service.stable_ratio > 0
    return Recording(
        id=name,
        tick_seconds=1.0,
        bounds_ms=BOUNDS_MS,
        canary=sides[0],
        baseline=sides[1],
        stable=sides[2] if stable else None,
        slices=_slices(service, seen, proxy, len(outcome.restarts)) if stable else None,
        share=_shares(service),
    )


def _shares(service: Service) -> Mapping[str, float]:
    share = service.side_share
    sides = {"canary": share, "baseline": share}
    return sides | ({"stable": 1 - 2 * share} if service.stable_ratio else {})


def _side(outcome: Outcome, seen: Fates, proxy: Proxy, pool: slice, rng: Generator) -> Series:
    ticks = len(outcome.restarts)
    mine = (seen.group >= pool.start) & (seen.group < pool.stop)
    started = _count(seen.begun[mine], ticks)
    done = mine & (seen.ended < ticks)
    completed = _count(seen.ended[done], ticks)
    restarts = outcome.restarts[:, pool].sum(axis=1)
    return series_from(
        completed=completed,
        failed=_count(seen.ended[done & (seen.result >= FAILED)], ticks),
        latency=_histogram(seen, done, proxy, BOUNDS_MS, ticks),
        client_errors=_count(seen.ended[done & (seen.result == CLIENT_ERROR)], ticks),
        started=started,
        in_flight=np.cumsum(started - completed),
        cpu_seconds=_read_cpu(outcome.cpu_seconds[:, pool].sum(axis=1), restarts),
        memory_bytes=_read_memory(outcome.memory_mb[:, pool], rng),
        restarts=restarts,
    )


def _count(tick: Ints, ticks: int) -> Floats:
    return np.bincount(tick, minlength=ticks)[:ticks].astype(np.float64)


def _histogram(
    seen: Fates,
    chosen: npt.NDArray[np.bool_],
    proxy: Proxy,
    bounds: tuple[float, ...],
    ticks: int,
) -> Floats:
    """(ticks, buckets) of answers; what was lost has no latency."""
    rows = np.flatnonzero(chosen & (seen.result != LOST))
    bucket = np.searchsorted(bounds, seen.latency_ms[rows])
    width = len(bounds) + 1
    counts = np.bincount(seen.ended[rows] * width + bucket, minlength=ticks * width)
    table = counts[: ticks * width].reshape(ticks, width).astype(np.float64)
    return np.vstack([np.zeros((1, width)), table[:-1]]) if proxy.lags else table


def _read_cpu(used: Floats, restarts: Floats) -> Floats:
    """As /proc counts, in hundredths of a second; unknown where a process was replaced."""
    counted = np.floor(np.cumsum(used) * 100) / 100
    return np.where(restarts > 0, np.nan, np.diff(counted, prepend=0.0))


def _read_memory(megabytes: Floats, rng: Generator) -> Floats:
    """Summed over instances, in whole pages, with stacks and buffers that come and go."""
    flutter = 1 + rng.normal(0, 0.002, megabytes.shape)
    return np.floor((megabytes * flutter).sum(axis=1) * MB / 4096) * 4096


def _slices(service: Service, seen: Fates, proxy: Proxy, ticks: int) -> Slices:
    first, size = sum(pool_sizes(service)[:2]), service.instances
    group = (seen.group - first) // size
    done = (seen.group >= first) & (seen.ended < ticks)
    each = [done & (group == j) for j in range(service.stable_ratio)]
    bad = seen.result >= FAILED
    return Slices(
        bounds_ms=SLICE_BOUNDS_MS,
        completed=np.stack([_count(seen.ended[m], ticks) for m in each], axis=1),
        failed=np.stack([_count(seen.ended[m & bad], ticks) for m in each], axis=1),
        latency=np.stack(
            [_histogram(seen, m, proxy, SLICE_BOUNDS_MS, ticks) for m in each], axis=1
        ),
    )
