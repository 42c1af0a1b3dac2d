"""The evidence of one release in words and figures."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from davylamp.judge.explain import known, number
from davylamp.judge.quantile import quantile_ms
from davylamp.judge.sequential import anytime
from davylamp.judge.sequential.judges import LAST_TICKS, Judges, Look
from davylamp.judge.sequential.policy import METRICS, TESTS
from davylamp.judge.sequential.safety import SAFE_TESTS
from davylamp.judge.sequential.tick import BASELINE, CANARY

_QUANTILES = {"latency_p50": 0.5, "latency_p90": 0.9, "latency_p99": 0.99}
_BIGGEST = 690.0
_WIDEST = 7.0
"""An interval of a ratio that ends above e⁷ says nothing: no end."""


@dataclass(frozen=True)
class MetricEvidence:
    """One metric's part. Figures are in `unit`; None where they could not be had.

    `log_e` is the natural logarithm of the evidence of harm; `log_safe` that of harmlessness
    (None where this metric isn't asked for it).
    """

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
    weight: float
    log_e: float
    log_safe: float | None
    says: str
    """In words: both figures, the interval, the margin."""

    @property
    def e_value(self) -> float:
        return math.exp(min(self.log_e, _BIGGEST))


def metrics_of(judges: Judges, look: Look, i: int) -> tuple[MetricEvidence, ...]:
    """Every metric of release `i`, the strongest part of the evidence of harm first."""
    return by_strength([_metric(judges, look, i, name) for name in METRICS])


def by_strength(metrics: Iterable[MetricEvidence]) -> tuple[MetricEvidence, ...]:
    """The strongest part of the evidence of harm first."""
    return tuple(sorted(metrics, key=lambda m: -(m.log_e + math.log(max(m.weight, 1e-12)))))


def lately(judges: Judges, i: int) -> str:
    """Errors of the last seconds, where they tell more than those of the whole release."""
    ticks = min(judges.ticks, LAST_TICKS)
    order = [(judges.ticks - 1 - k) % LAST_TICKS for k in range(ticks)]
    sums = np.cumsum(judges.last[order, i], axis=0)
    best, seconds = 0.0, 0
    for n in (w for w in (5, 10, 20, 40) if w <= ticks):
        (n_c, c), (n_b, b) = sums[n - 1]
        strength = anytime.dirichlet_log_e(c, b, n_c / (n_c + n_b), 0.5) if n_c * n_b else 0.0
        if strength > best:
            best, seconds = strength, n
    if not seconds:
        return ""
    (n_c, c), (n_b, b) = sums[seconds - 1]
    return (
        f"in the last {seconds * judges.shape.tick_seconds:g} s {number(100 * c / n_c, '%')} of "
        f"{n_c:,.0f} requests failed on the candidate, {number(100 * b / n_b, '%')} of {n_b:,.0f} "
        "on the baseline; in all "
    )


def _metric(judges: Judges, look: Look, i: int, name: str) -> MetricEvidence:
    tests = [TESTS.index(t) for t in METRICS[name]]
    weights = np.exp(judges.log_weights[tests])
    weight = float(weights.sum())
    with np.errstate(divide="ignore"):
        log_e = float(np.logaddexp.reduce(look.tests[i, tests] + judges.log_weights[tests]))
    log_e = log_e - math.log(weight) if weight > 0 else 0.0
    log_safe = known(float(look.safe[i, SAFE_TESTS.index(name)])) if name in SAFE_TESTS else None
    seen = _figures(judges, i, name)
    return MetricEvidence(
        name=name,
        weight=weight,
        log_e=log_e,
        log_safe=log_safe,
        says=_says(name, seen),
        **vars(seen),
    )


@dataclass(frozen=True)
class _Seen:
    unit: str
    candidate: float | None
    baseline: float | None
    candidate_count: float
    baseline_count: float
    ratio: float | None
    lower: float | None
    upper: float | None
    margin: float


def _figures(judges: Judges, i: int, name: str) -> _Seen:
    if name in _QUANTILES:
        return _latency(judges, i, name)
    if name in ("error_rate", "client_error_rate"):
        return _rate(judges, i, name)
    if name in ("cpu_per_request", "memory_bytes"):
        return _cost(judges, i, name)
    return _plain(judges, i, name)


def _rate(judges: Judges, i: int, name: str) -> _Seen:
    column = 1 if name == "error_rate" else 2
    policy = judges.policy
    margin = policy.error_ratio if column == 1 else policy.client_error_ratio
    n_c, n_b = (float(judges.totals[i, s, 0]) for s in (CANARY, BASELINE))
    c, b = (float(judges.totals[i, s, column]) for s in (CANARY, BASELINE))
    phi = float(judges.dispersion.phi()[0, i, 0])
    low, high = anytime.rate_ratio_interval(c / phi, b / phi, n_c, n_b)
    mine, theirs = (100 * k / n if n else math.nan for k, n in ((c, n_c), (b, n_b)))
    ratio = mine / theirs if theirs else math.nan
    return _Seen(
        "%", known(mine), known(theirs), n_c, n_b, known(ratio), known(low), known(high), margin
    )


def _latency(judges: Judges, i: int, name: str) -> _Seen:
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
    return _Seen(
        "ms", known(mine), known(theirs), n_c, n_b, known(ratio), known(low), known(high), margin
    )


def _cost(judges: Judges, i: int, name: str) -> _Seen:
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
    return _Seen(
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


def _plain(judges: Judges, i: int, name: str) -> _Seen:
    """Restarts, and requests that were begun and have not ended: counts without a ratio."""
    counts = judges.stuck[i] if name == "hanging" else judges.restarted[i]
    unit = "requests" if name == "hanging" else ""
    mine, theirs = (known(float(v)) for v in counts)
    n_c, n_b = (float(judges.totals[i, s, 0]) for s in (CANARY, BASELINE))
    return _Seen(unit, mine, theirs, n_c, n_b, None, None, None, 1.0)


def _says(name: str, seen: _Seen) -> str:
    mine, theirs = number(seen.candidate, seen.unit), number(seen.baseline, seen.unit)
    if name in ("error_rate", "client_error_rate"):
        what = "failed" if name == "error_rate" else "got a 4xx"
        said = (
            f"{mine} of {seen.candidate_count:,.0f} requests {what} on the candidate, "
            f"{theirs} of {seen.baseline_count:,.0f} on the baseline"
        )
    else:
        said = f"{_LABELS[name]} is {mine} on the candidate, {theirs} on the baseline"
    if seen.lower is None and seen.upper is None:
        return said
    high = "∞" if seen.upper is None else number(seen.upper)
    interval = f"95 % interval of the ratio {number(seen.lower)}–{high}"
    return f"{said}; {interval}; margin {seen.margin:g}"


_LABELS = {
    "latency_p50": "p50 latency",
    "latency_p90": "p90 latency",
    "latency_p99": "p99 latency",
    "hanging": "what was begun and has not ended",
    "cpu_per_request": "CPU a request",
    "memory_bytes": "memory",
    "restarts": "the number of restarts",
}
