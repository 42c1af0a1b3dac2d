"""Made-up builds: what a service with known faults would report, tick by tick."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pytest

from davylamp.judge.sample import LATENCY_BOUNDS_MS, Series


@dataclass(frozen=True)
class Made:
    """A build under Poisson load. Latencies are lognormal; shares in [0, 1]."""

    rate: float = 50.0
    seconds: int = 30
    median_ms: float = 12.0
    sigma: float = 0.3
    error_share: float = 0.0
    client_error_share: float = 0.02
    slow_share: float = 0.0
    slow_factor: float = 3.0
    hang_share: float = 0.0
    hang_seconds: float = 15.0
    faults_from: int = 0
    """Tick at which the faults begin."""
    restarts: int = 0
    cpu_ms: float = 3.0

    def series(self, seed: int) -> Series:
        rng = np.random.default_rng(seed)
        n = self.seconds
        faulty = np.arange(n) >= self.faults_from
        started = rng.poisson(self.rate, n)
        hung = rng.binomial(started, self.hang_share * faulty)
        ended = _timed_out(hung, round(self.hang_seconds))
        answered = started - hung
        failed = rng.binomial(answered, self.error_share * faulty)
        latency = np.array(
            [self._histogram(rng, k, bad) for k, bad in zip(answered, faulty, strict=True)]
        )
        usual = rng.poisson(self.rate * self.median_ms / 1000, n)
        restarts = np.zeros(n)
        restarts[: self.restarts] = 1
        return Series(
            at=np.arange(1.0, n + 1),
            seconds=np.ones(n),
            started=started.astype(float),
            succeeded=(answered - failed).astype(float),
            failed=(failed + ended).astype(float),
            client_errors=rng.binomial(answered - failed, self.client_error_share).astype(float),
            latency=latency.astype(float).reshape(n, len(LATENCY_BOUNDS_MS) + 1),
            in_flight=usual + np.cumsum(hung - ended).astype(float),
            cpu_seconds=np.round(
                rng.normal(0.01, 0.004, n).clip(0) + answered * self.cpu_ms / 1000, 2
            ),
            memory_bytes=rng.normal(80e6, 2e6) + rng.normal(0, 3e5, n).cumsum().clip(-8e6, 8e6),
            restarts=restarts,
        )

    def _histogram(self, rng: np.random.Generator, requests: int, faulty: bool) -> np.ndarray:
        times = rng.lognormal(np.log(self.median_ms), self.sigma, requests)
        if faulty:
            times[rng.random(requests) < self.slow_share] *= self.slow_factor
        return np.bincount(
            np.searchsorted(LATENCY_BOUNDS_MS, times), minlength=len(LATENCY_BOUNDS_MS) + 1
        )


def _timed_out(hung: np.ndarray, after: int) -> np.ndarray:
    ended = np.zeros_like(hung)
    ended[after:] = hung[: max(0, len(hung) - after)]
    return ended


@pytest.fixture(scope="session")
def make() -> Callable[..., Made]:
    return Made
