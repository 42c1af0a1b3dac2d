"""How much a harm hurts users: its stream held against the same one without the harm.

A cause (code that takes twice the CPU) says little: where the CPU is a tenth of an answer's
time nobody notices. The generator draws the same users, weather and costs for the same seed, so
the difference between the two streams is the harm and nothing else.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from benchmarks.calibration.cases import Case
from davylamp.judge.recording import Recording
from davylamp.judge.sample import Floats, Series

FAILED, CLIENT_ERRORS, SLOWER, DEATHS = 0.02, 0.10, 1.5, 2


@dataclass(frozen=True)
class Effect:
    """What the candidate's users meet from the onset on, beyond what they would have met."""

    failed: float
    """Additional share of failing requests."""
    client_errors: float
    """Additional share of 4xx."""
    p50: float
    """Median latency, as a multiple of what it would have been."""
    p95: float
    restarts: float
    """Additional deaths of the process."""

    @property
    def is_major(self) -> bool:
        """Two requests in a hundred more fail, ten more are refused, the median or p95 is half
        as long again, or the process dies twice more."""
        return (
            self.failed >= FAILED
            or self.client_errors >= CLIENT_ERRORS
            or self.p50 >= SLOWER
            or self.p95 >= SLOWER
            or self.restarts >= DEATHS
        )


def effect_of(harmed: Recording, without: Recording, onset: int) -> Effect:
    """Compare the candidate's series from tick `onset` on."""
    bad, good = harmed.canary, without.canary

    def more(name: str) -> float:
        return _share(bad, name, onset) - _share(good, name, onset)

    def times(q: float) -> float:
        bounds = harmed.bounds_ms
        return _quantile(bad, bounds, q, onset) / _quantile(good, bounds, q, onset)

    restarts = np.nansum(bad.restarts[onset:]) - np.nansum(good.restarts[onset:])
    return Effect(more("failed"), more("client_errors"), times(0.5), times(0.95), float(restarts))


def is_major(case: Case, harmed: Recording) -> bool:
    """Make the stream without the harm, and compare."""
    return effect_of(harmed, case.without_harm().stream(), case.onset).is_major


def _share(side: Series, name: str, onset: int) -> float:
    events: Floats = getattr(side, name)[onset:]
    return float(np.nansum(events) / max(np.nansum(side.completed[onset:]), 1.0))


def _quantile(side: Series, bounds_ms: tuple[float, ...], q: float, onset: int) -> float:
    """Milliseconds, interpolated within its bucket; the last finite bound beyond that."""
    counts = np.nansum(side.latency[onset:], axis=0)
    edges = np.array([0.0, *bounds_ms, bounds_ms[-1]])
    below = np.concatenate([[0.0], np.cumsum(counts)]) / max(counts.sum(), 1.0)
    return max(float(np.interp(q, below, edges)), 0.1)
