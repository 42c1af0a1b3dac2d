"""One metric of both sides: does it speak against the candidate?"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy.special import ndtri

from davylamp.judge.excess import Tally, chance_of_excess, dispersion
from davylamp.judge.explain import chance, known, number, ratio
from davylamp.judge.intervals import Intervals
from davylamp.judge.kayenta.classify import judge_metric
from davylamp.judge.kayenta.mann_whitney import rank_test
from davylamp.judge.kayenta.metric import Classification, Direction, MetricInput, MetricResult
from davylamp.judge.metrics import Metric
from davylamp.judge.policy import JudgePolicy
from davylamp.judge.quantile import slower_than
from davylamp.judge.sample import Floats
from davylamp.judge.verdict import MetricVerdict


@dataclass(frozen=True)
class Sides:
    candidate: Intervals
    baseline: Intervals


@dataclass(frozen=True)
class Compared:
    """A metric's verdict. `is_unclear`: worse than allowed so far, which may be chance."""

    verdict: MetricVerdict
    is_unclear: bool = False


def compare(metric: Metric, sides: Sides, policy: JudgePolicy) -> Compared:
    """Judge one metric over a window.

    It speaks against the candidate when the difference both matters (the window's figure is
    above what is allowed) and is no chance: by the rank test over the intervals, or, where
    there are counts, by the exact test of the counts, tempered by their clustering.
    """
    mine, theirs = (_known(metric.points(s)) for s in (sides.candidate, sides.baseline))
    figures = metric.figure(sides.candidate), metric.figure(sides.baseline)
    if min(len(mine), len(theirs)) < policy.minimum_ticks or not all(map(math.isfinite, figures)):
        reason = (
            f"{len(mine)} points of the candidate and {len(theirs)} of the baseline, "
            f"{policy.minimum_ticks} are needed of each"
        )
        return Compared(not_judged(metric, sides, policy, reason))
    allowed = metric.allowed(figures[1])
    found = _by_ranks(metric, mine, theirs, policy.confidence)
    p = _by_counts(metric, sides, figures[1])
    is_shown = found.classification is Classification.HIGH or p < (1 - policy.confidence) / 10
    is_worse = figures[0] > allowed
    verdict = MetricVerdict(
        name=metric.name,
        classification=Classification.HIGH if is_worse and is_shown else Classification.PASS,
        reason=_reason(metric, figures, allowed, is_shown, p),
        critical=metric.name in policy.critical,
        candidate=figures[0],
        baseline=figures[1],
        unit=metric.unit,
        lower=known(found.lower),
        upper=known(found.upper),
        estimate=known(found.estimate),
        effect_size=ratio(*figures),
    )
    return Compared(verdict, is_unclear=is_worse and not is_shown)


def not_judged(metric: Metric, sides: Sides, policy: JudgePolicy, reason: str) -> MetricVerdict:
    """Only the figures of both sides, as far as there are any, and why no more."""
    return MetricVerdict(
        name=metric.name,
        classification=Classification.NODATA,
        reason=reason,
        critical=metric.name in policy.critical,
        candidate=known(metric.figure(sides.candidate)),
        baseline=known(metric.figure(sides.baseline)),
        unit=metric.unit,
    )


def _by_ranks(metric: Metric, mine: Floats, theirs: Floats, confidence: float) -> MetricResult:
    """Kayenta's classification; without its interval where that could not be above zero."""
    if rank_test(mine, theirs).z(0.0, corrected=True) <= ndtri(0.5 + confidence / 2):
        return MetricResult(metric.name, Classification.PASS, "no shift")
    points = MetricInput(metric.name, theirs.tolist(), mine.tolist(), Direction.INCREASE)
    return judge_metric(points, confidence)


def _by_counts(metric: Metric, sides: Sides, baseline: float) -> float:
    """Chance of so many bad requests on the candidate; 1 where the metric counts nothing."""
    mine = _events(metric, sides.candidate, baseline)
    theirs = _events(metric, sides.baseline, baseline)
    if mine is None or theirs is None:
        return 1.0
    clustering = max(dispersion(*mine), dispersion(*theirs))
    return chance_of_excess(_tempered(*mine, clustering), _tempered(*theirs, clustering))


def _tempered(events: Floats, trials: Floats, clustering: float) -> Tally:
    return Tally(float(events.sum()) / clustering, float(trials.sum()))


def _events(metric: Metric, side: Intervals, baseline: float) -> tuple[Floats, Floats] | None:
    """Bad requests and all requests, interval by interval.

    For a quantile: answers slower than what is allowed, which few of the baseline's are.
    """
    if metric.events is not None:
        return metric.events(side), side.completed
    if metric.quantile is not None:
        slow = slower_than(side.latency, metric.allowed(baseline), side.bounds_ms)
        return slow, side.latency.sum(axis=1)
    return None


def _reason(
    metric: Metric, figures: tuple[float, float], allowed: float, is_shown: bool, p: float
) -> str:
    mine, theirs, most = (number(v, metric.unit) for v in (*figures, allowed))
    said = f"{mine} on the candidate, {theirs} on the baseline"
    if figures[0] <= allowed:
        return f"{said}; up to {most} is allowed"
    if not is_shown:
        return f"{said}; more than the {most} allowed, which may be chance"
    return (
        f"{said}; at most {most} is allowed ({chance(p)})"
        if p < 0.01
        else (f"{said}; at most {most} is allowed")
    )


def _known(points: Floats) -> Floats:
    return points[np.isfinite(points)]
