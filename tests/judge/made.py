"""Made-up builds: what a service with known faults would report, tick by tick."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy.stats import lognorm

from davylamp.judge.recording import Recording, Slices
from davylamp.judge.sample import LATENCY_BOUNDS_MS, Role, Sample, Series

BUCKETS = len(LATENCY_BOUNDS_MS) + 1


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
    """One a tick, in the first ticks with faults."""
    cpu_ms: float = 3.0
    memory_mb: float = 80.0
    leak_mb_per_second: float = 0.0

    def series(self, seed: int) -> Series:
        rng = np.random.default_rng(seed)
        n = self.seconds
        faulty = (np.arange(n) >= self.faults_from).astype(float)
        started = rng.poisson(self.rate, n)
        hung = rng.binomial(started, self.hang_share * faulty)
        ended = _timed_out(hung, round(self.hang_seconds))
        answered = started - hung
        failed = rng.binomial(answered, self.error_share * faulty)
        usual = rng.poisson(self.rate * self.median_ms / 1000, n)
        idle = rng.normal(0.01, 0.004, n).clip(0)
        memory = self.memory_mb + rng.normal(0, 0.5, n)
        return Series(
            at=np.arange(1.0, n + 1),
            seconds=np.ones(n),
            started=started.astype(float),
            succeeded=(answered - failed).astype(float),
            failed=(failed + ended).astype(float),
            client_errors=rng.binomial(answered - failed, self.client_error_share).astype(float),
            latency=self._histograms(rng, answered, faulty),
            in_flight=usual + np.cumsum(hung - ended).astype(float),
            cpu_seconds=np.round(idle + answered * self.cpu_ms / 1000, 2),
            memory_bytes=1e6 * (memory + self.leak_mb_per_second * np.cumsum(faulty)),
            restarts=((np.cumsum(faulty) <= self.restarts) & (faulty > 0)).astype(float),
        )

    def _histograms(
        self, rng: np.random.Generator, answered: np.ndarray, faulty: np.ndarray
    ) -> np.ndarray:
        usual, slow = (self._buckets(m * self.median_ms) for m in (1.0, self.slow_factor))
        share = (self.slow_share * faulty)[:, None]
        return rng.multinomial(answered, (1 - share) * usual + share * slow).astype(float)

    def _buckets(self, median_ms: float) -> np.ndarray:
        """Chance of each bucket."""
        below = lognorm.cdf(np.array(LATENCY_BOUNDS_MS), self.sigma, scale=median_ms)
        return np.diff(below, prepend=0.0, append=1.0)


def _timed_out(hung: np.ndarray, after: int) -> np.ndarray:
    ended = np.zeros_like(hung)
    ended[after:] = hung[: max(0, len(hung) - after)]
    return ended


def recorded(
    candidate: Made,
    baseline: Made,
    seed: int = 1,
    stable: Made | None = None,
    slices: int = 0,
    id: str = "made",
) -> Recording:
    """A stream of both, and of stable, which is cut into slices by the request."""
    mine, theirs = candidate.series(seed), baseline.series(seed + 100_000)
    third = None if stable is None else stable.series(seed + 200_000)
    return Recording(
        id=id,
        tick_seconds=1.0,
        bounds_ms=LATENCY_BOUNDS_MS,
        canary=mine,
        baseline=theirs,
        stable=third,
        slices=_sliced(third, slices, seed) if third is not None and slices else None,
    )


def _sliced(series: Series, slices: int, seed: int) -> Slices:
    rng = np.random.default_rng(seed + 300_000)
    even = np.full(slices, 1 / slices)

    def dealt(counts: np.ndarray) -> np.ndarray:
        return rng.multinomial(counts.astype(int), even).astype(float)

    latency = np.moveaxis(dealt(series.latency), -1, 1)
    failed = dealt(series.failed)
    return Slices(LATENCY_BOUNDS_MS, failed + dealt(series.succeeded), failed, latency)


def without_costs(series: Series) -> Series:
    """As a source reports it that knows of requests alone."""
    unknown = np.full(len(series), np.nan)
    return replace(series, cpu_seconds=unknown, memory_bytes=unknown)


def identical(tries: int, seconds: int = 300, rate: float = 50.0, **more: float) -> list[Recording]:
    """Recordings of builds that don't differ."""
    build = Made(rate=rate, seconds=seconds, **more)
    return [recorded(build, build, seed, id=f"same-{seed}") for seed in range(tries)]


def samples_of(series: Series, role: Role, began: float = 1_700_000_000.0) -> list[Sample]:
    """Readings of one copy's counters that show just this: one a tick, and one before the first."""
    columns = (series.started, series.succeeded, series.failed, series.client_errors)
    started, succeeded, failed, refused = (_grown(c).astype(int).tolist() for c in columns)
    latency = _grown(series.latency).astype(int).tolist()
    cpu, restarts = _grown(series.cpu_seconds).tolist(), _grown(series.restarts).tolist()
    memory = [series.memory_bytes[0], *series.memory_bytes] if len(series) else [0.0]
    in_flight = [0.0, *series.in_flight]
    return [
        Sample(
            service="checkout",
            role=role,
            release_id=1,
            at=began + t,
            started=started[t],
            succeeded=succeeded[t],
            failed=failed[t],
            responses=(0, succeeded[t] - refused[t], 0, refused[t], failed[t]),
            latency=tuple(latency[t]),
            in_flight=int(in_flight[t]),
            cpu_seconds=float(cpu[t]),
            memory_bytes=float(memory[t]),
            instances=1,
            restarts=int(restarts[t]),
        )
        for t in range(len(series) + 1)
    ]


def _grown(column: np.ndarray) -> np.ndarray:
    """The counter whose growth this is, from zero on."""
    return np.concatenate([np.zeros((1, *column.shape[1:])), np.cumsum(column, axis=0)])
