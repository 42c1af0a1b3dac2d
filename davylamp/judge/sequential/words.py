"""The evidence of one release in words and figures."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from davylamp.judge.explain import known, number
from davylamp.judge.sequential import anytime
from davylamp.judge.sequential.figures import Figures, figures_of
from davylamp.judge.sequential.judges import LAST_TICKS, Judges, Look
from davylamp.judge.sequential.planned import BLOCK_SECONDS
from davylamp.judge.sequential.policy import METRICS, PLANNED_TESTS, TESTS
from davylamp.judge.sequential.safety import SAFE_TESTS

_BIGGEST = 690.0


@dataclass(frozen=True)
class MetricEvidence(Figures):
    """One metric's part, with its figures.

    `log_e` is the natural logarithm of the evidence of harm; `log_safe` that of harmlessness
    (None where this metric isn't asked for it).
    """

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
    seen = figures_of(judges, i, name)
    return MetricEvidence(
        **vars(seen),
        weight=weight,
        log_e=log_e,
        log_safe=log_safe,
        says=_says(seen) + _at_a_look(judges, i, name),
    )


def _at_a_look(judges: Judges, i: int, name: str) -> str:
    """What a planned look saw, if it won."""
    looks = [k for k, test in enumerate(PLANNED_TESTS) if test in METRICS[name]]
    slower, blocks, age = judges.planned.slower[i, looks].sum(axis=0).tolist()
    if not blocks:
        return ""
    return (
        f"; at the look after {age / 60:g} minutes it was slower by more than the margin in "
        f"{slower:.0f} of {blocks:.0f} blocks of {BLOCK_SECONDS:g} s"
    )


def _says(seen: Figures) -> str:
    name = seen.name
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
