"""Healthy traffic for the planner: independent requests with lognormal latencies."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from davylamp.judge.sample import LATENCY_BOUNDS_MS, Floats
from davylamp.judge.sequential.tick import Shape, Tick

MEDIAN_MS, SIGMA = 50.0, 0.5
"""p99 is 3.2 times the median. Only ratios matter to the judge, not the median itself."""
CPU_SECONDS, MEMORY_BYTES = 0.005, 1e8
"""A request, and a copy."""


@dataclass(frozen=True)
class Traffic:
    """B releases with their rates; `slower` is the factor on the candidate's latencies.

    `canary_rps` (B,): requests/s on either side. `shares` (2, K + 1): the part of the answers in
    each bucket, candidate's and baseline's.
    """

    canary_rps: Floats
    error_rate: float
    bounds_ms: tuple[float, ...]
    shares: Floats

    @classmethod
    def of(cls, canary_rps: Floats, error_rate: float, slower: float = 1.0) -> Traffic:
        widest = math.exp(3.5 * SIGMA)
        low, high = MEDIAN_MS / widest * min(slower, 1.0), 2 * MEDIAN_MS * widest * max(slower, 1.0)
        bounds = tuple(b for b in LATENCY_BOUNDS_MS if low <= b <= high)
        shares = np.stack([_shares(bounds, MEDIAN_MS * slower), _shares(bounds, MEDIAN_MS)])
        return cls(canary_rps, error_rate, bounds, shares)

    @property
    def shape(self) -> Shape:
        return Shape(len(self.canary_rps), self.bounds_ms)

    def second(self, rng: np.random.Generator, is_slow: bool = True) -> Tick:
        """One second of all of them. Before they are slow, both sides are the baseline's kind."""
        b = len(self.canary_rps)
        shares = self.shares if is_slow else self.shares[[1, 1]]
        rates = self.canary_rps[:, None, None] * (1.0 - self.error_rate) * shares
        latency = rng.poisson(rates).astype(np.float64)
        rates = np.repeat(self.canary_rps[:, None] * self.error_rate, 2, axis=1)
        failed = rng.poisson(rates).astype(np.float64)
        completed = latency.sum(axis=2) + failed
        zero, unknown, nobody = np.zeros((b, 2)), np.full((b, 2), np.nan), np.zeros((b, 0))
        return Tick(
            known=np.ones((b, 2), dtype=np.bool_),
            completed=completed,
            failed=failed,
            client_errors=zero,
            latency=latency,
            cpu_seconds=CPU_SECONDS * completed,
            memory_bytes=np.full((b, 2), MEMORY_BYTES),
            started=unknown,
            in_flight=unknown,
            restarts=zero,
            slice_completed=nobody,
            slice_failed=nobody,
            slice_latency=np.zeros((b, 0, 1)),
        )


def _shares(bounds_ms: tuple[float, ...], median_ms: float) -> Floats:
    z = [math.log(b / median_ms) / SIGMA for b in bounds_ms]
    reached = [0.5 * math.erfc(-v / math.sqrt(2.0)) for v in z]
    return np.diff(np.array([0.0, *reached, 1.0]))
