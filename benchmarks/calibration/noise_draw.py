"""Requests drawn from conditions: whole counts, as a source would read them."""

from __future__ import annotations

import numpy as np

from benchmarks.calibration.noise_conditions import Conditions
from benchmarks.calibration.noise_latency import bucket_chances, failing_chances, still_running
from benchmarks.calibration.noise_service import Service
from davylamp.judge.recording import series_from
from davylamp.judge.sample import Floats, Series

CPU_TICK_S = 0.01
"""Processes are billed in hundredths of a second."""


def draw_side(service: Service, side: Conditions, rps: float, rng: np.random.Generator) -> Series:
    """One side's T ticks of a second, at `rps` requests a second before its load factor."""
    started = rng.poisson(rps * side.load)
    hung = rng.binomial(started, side.hang)
    chances = bucket_chances(service, side)
    running = rng.binomial(started - hung, still_running(chances))
    completed = started - hung - running + np.concatenate([[0], running[:-1]])
    refused = rng.binomial(completed, side.refused)
    failed = rng.binomial(completed - refused, side.fail)
    succeeded = completed - refused - failed
    latency = rng.multinomial(succeeded, chances)
    latency += rng.multinomial(rng.binomial(failed, service.answered), failing_chances(service))
    return series_from(
        completed=completed.astype(np.float64),
        failed=(refused + failed).astype(np.float64),
        latency=latency.astype(np.float64),
        client_errors=rng.binomial(succeeded, side.client).astype(np.float64),
        started=started.astype(np.float64),
        in_flight=(running + np.cumsum(hung)).astype(np.float64),
        cpu_seconds=_cpu(service, side, completed - refused, rng),
        memory_bytes=np.round(side.memory * rng.normal(1.0, 0.002, len(started)), -3),
        restarts=side.restarts,
    )


def _cpu(
    service: Service, side: Conditions, worked: np.ndarray, rng: np.random.Generator
) -> Floats:
    """(T,) seconds used: by request, unequally by tick, and a little when idle."""
    by_request = worked * service.cpu_ms / 1000 * side.cpu * rng.lognormal(0.0, 0.1, len(worked))
    billed = np.floor(np.cumsum(by_request + service.idle_cores) / CPU_TICK_S)
    return np.diff(billed, prepend=0.0) * CPU_TICK_S
