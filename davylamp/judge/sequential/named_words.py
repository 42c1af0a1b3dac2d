"""The evidence on a named metric in words and figures."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from davylamp.judge.explain import known, number
from davylamp.judge.named_metrics import Direction, MetricKind
from davylamp.judge.quantile import quantile_ms
from davylamp.judge.sequential import anytime
from davylamp.judge.sequential.dispersion import PRIOR
from davylamp.judge.sequential.named import STAKE, NamedJudge
from davylamp.judge.sequential.named_case import Case, Totals
from davylamp.judge.sequential.named_ratio import RatioTrial
from davylamp.judge.sequential.words import MetricEvidence

_SHOWN = 0.9
"""The quantile of a histogram that people read."""
_BIGGEST = 690.0
_HARM = {
    Direction.UP: "",
    Direction.DOWN: " downwards",
    Direction.EITHER: " either way",
}


def named_metrics_of(judge: NamedJudge, now: float) -> tuple[MetricEvidence, ...]:
    """Every named metric's part (`now` in Unix seconds). Weights are shares of all evidence."""
    return tuple(_evidence(case, now, 1.0 + judge.stake) for case in judge.cases)


@dataclass(frozen=True)
class _Seen:
    """Figures of both sides, what they stand on, and the interval of their ratio."""

    unit: str
    candidate: float
    baseline: float
    counts: tuple[float, float]
    interval: tuple[float, float]


def _evidence(case: Case, now: float, total: float) -> MetricEvidence:
    rule, totals = case.rule, case.baseline.totals
    seen = _SEEN[rule.kind](case, totals) if totals else _NOTHING
    ratio = seen.candidate / seen.baseline if seen.baseline else math.nan
    low, high = seen.interval
    return MetricEvidence(
        name=rule.name,
        unit=seen.unit,
        candidate=known(seen.candidate),
        baseline=known(seen.baseline),
        candidate_count=seen.counts[0],
        baseline_count=seen.counts[1],
        ratio=known(ratio),
        lower=known(low),
        upper=known(high),
        margin=rule.margin,
        weight=STAKE * rule.weight / total,
        log_e=case.log_harm(),
        log_safe=case.log_safe(),
        says=_says(case, seen, case.complaint(now)),
    )


def _ratio(case: Case, totals: Totals) -> _Seen:
    (c, n_c), (b, n_b) = totals.mine.tolist(), totals.theirs.tolist()
    trial = next(iter(case.baseline.trials.values()))
    phi = float(trial.dispersion.phi()[0]) if isinstance(trial, RatioTrial) else PRIOR
    interval = anytime.rate_ratio_interval(c / phi, b / phi, n_c, n_b)
    return _Seen("%", 100 * c / n_c, 100 * b / n_b, (n_c, n_b), interval)


def _gauge(_: Case, totals: Totals) -> _Seen:
    n = float(totals.figures)
    low, high = anytime.mean_interval(*totals.log_ratios)
    interval = (math.exp(min(low, _BIGGEST)), math.exp(min(high, _BIGGEST)))
    if totals.log_ratios[0] < 3:
        interval = (math.nan, math.nan)
    return _Seen("", totals.mine[0] / n, totals.theirs[0] / n, (n, n), interval)


def _histogram(case: Case, totals: Totals) -> _Seen:
    bounds = case.baseline.pairing.bounds()[0]
    mine, theirs = (quantile_ms(h[None], _SHOWN, bounds) for h in (totals.mine, totals.theirs))
    (low_c, high_c), (low_b, high_b) = (
        anytime.quantile_interval(h, _SHOWN, np.asarray(bounds), PRIOR)
        for h in (totals.mine, totals.theirs)
    )
    low = low_c / high_b if math.isfinite(high_b) and high_b > 0 else 0.0
    high = high_c / low_b if low_b > 0 else math.inf
    counts = (float(totals.mine.sum()), float(totals.theirs.sum()))
    return _Seen("", mine, theirs, counts, (low, high))


_NOTHING = _Seen("", math.nan, math.nan, (0.0, 0.0), (math.nan, math.nan))
_SEEN = {
    MetricKind.COUNTER_RATIO: _ratio,
    MetricKind.GAUGE: _gauge,
    MetricKind.HISTOGRAM: _histogram,
}


def _says(case: Case, seen: _Seen, complaint: str) -> str:
    name = case.rule.name
    if math.isnan(seen.candidate):
        return f"{name}: {complaint or 'no figures'}"
    mine, theirs = number(seen.candidate, seen.unit), number(seen.baseline, seen.unit)
    what = "p90 is " if case.rule.kind is MetricKind.HISTOGRAM else ""
    of_mine = of_theirs = ""
    if case.rule.kind is MetricKind.COUNTER_RATIO:
        of_mine, of_theirs = (f" (of {n:,.0f})" for n in seen.counts)
    said = f"{name}: {what}{mine} on the candidate{of_mine}, {theirs} on the baseline{of_theirs}"
    low, high = map(known, seen.interval)
    if low is not None or high is not None:
        top = "∞" if high is None else number(high)
        said += f"; 95 % interval of the ratio {number(low)}–{top}"
    said += f"; margin {case.rule.margin:g}{_HARM[case.rule.direction]}"
    return f"{said}; now {complaint}" if complaint else said
