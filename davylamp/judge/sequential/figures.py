"""A metric's figures as people read them: both sides, their ratio, an interval for it."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from davylamp.judge.explain import known
from davylamp.judge.quantile import quantile_ms
from davylamp.judge.sequential import anytime
from davylamp.judge.sequential.judges import Judges
from davylamp.judge.sequential.tick import BASELINE, CANARY

_QUANTILES = {"latency_p50": 0.5, "latency_p90": 0.9, "latency_p99": 0.99}
_WIDEST = 7.0
"""An interval of a ratio that ends above e⁷ says nothing: no end."""


@dataclass(frozen=True)
class Figures:
    """One metric of both sides, in `unit`; None where it could not be had."""

    name: str
    unit: str
    candidate: float | None
    baseline: float | None
    candidate_count: float
    baseline_count: float
    ratio: float | None
    lower: float | None
    upper: float | None
    margin: float


def figures_of(judges: Judges, i: int, name: str) -> Figures:
    """What release `i` has shown so far of a metric of `METRICS`."""
    if name in _QUANTILES:
        return _latency(judges, i, name)
    if name in ("error_rate", "client_error_rate"):
        return _rate(judges, i, name)
    if name in ("cpu_per_request", "memory_bytes"):
        return _cost(judges, i, name)
    return _plain(judges, i, name)


def _rate(judges: Judges, i: int, name: str) -> Figures:
    column = 1 if name == "error_rate" else 2
    policy = judges.policy
    margin = policy.error_ratio if column == 1 else policy.client_error_ratio
    n_c, n_b = (float(judges.totals[i, s, 0]) for s in (CANARY, BASELINE))
    c, b = (float(judges.totals[i, s, column]) for s in (CANARY, BASELINE))
    phi = float(judges.dispersion.phi()[0, i, 0])
    low, high = anytime.rate_ratio_interval(c / phi, b / phi, n_c, n_b)
    mine, theirs = (100 * k / n if n else math.nan for k, n in ((c, n_c), (b, n_b)))
    ratio = mine / theirs if theirs else math.nan
    found = (known(mine), known(theirs), n_c, n_b, known(ratio), known(low), known(high))
    return Figures(name, "%", *found, margin)


def _latency(judges: Judges, i: int, name: str) -> Figures:
    q = _QUANTILES[name]
    bounds = np.asarray(judges.shape.bounds_ms)
    both = [judges.latency[i, s] for s in (CANARY, BASELINE)]
    mine, theirs = (quantile_ms(h[None], q, judges.shape.bounds_ms) for h in both)
    phi = float(judges.dispersion.phi()[1, i, 0])
    (low_c, high_c), (low_b, high_b) = (anytime.quantile_interval(h, q, bounds, phi) for h in both)
    low = low_c / high_b if math.isfinite(high_b) else 0.0
    high = high_c / low_b if low_b > 0 else math.inf
    n_c, n_b = (float(h.sum()) for h in both)
    ratio = mine / theirs if theirs else math.nan
    margin = judges.policy.latency_ratio
    found = (known(mine), known(theirs), n_c, n_b, known(ratio), known(low), known(high))
    return Figures(name, "ms", *found, margin)


def _cost(judges: Judges, i: int, name: str) -> Figures:
    cpu, requests, memory, ticks = judges.costs[i].T
    column = 0 if name == "cpu_per_request" else 1
    if name == "cpu_per_request":
        unit, scale, over, under = "ms", 1000.0, cpu, requests
        margin = judges.policy.cpu_ratio
    else:
        unit, scale, over, under = "MB", 1e-6, memory, ticks
        margin = judges.policy.memory_ratio
    mine, theirs = (
        scale * float(over[s] / under[s]) if under[s] else math.nan for s in (CANARY, BASELINE)
    )
    n, total, squares = (float(v) for v in judges.resources.ratios[i, column])
    low, high = (
        math.exp(v) if v < _WIDEST else math.inf for v in anytime.mean_interval(n, total, squares)
    )
    ratio = mine / theirs if theirs else math.nan
    return Figures(
        name,
        unit,
        known(mine),
        known(theirs),
        float(under[CANARY]),
        float(under[BASELINE]),
        known(ratio),
        known(low),
        known(high),
        margin,
    )


def _plain(judges: Judges, i: int, name: str) -> Figures:
    """Restarts, and requests that were begun and have not ended: counts without a ratio."""
    counts = judges.stuck[i] if name == "hanging" else judges.restarted[i]
    unit = "requests" if name == "hanging" else ""
    mine, theirs = (known(float(v)) for v in counts)
    n_c, n_b = (float(judges.totals[i, s, 0]) for s in (CANARY, BASELINE))
    return Figures(name, unit, mine, theirs, n_c, n_b, None, None, None, 1.0)
