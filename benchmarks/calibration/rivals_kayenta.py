"""Kayenta's judge on points of a minute: once at the end, or at every interval.

Spinnaker's documentation ("How canary judgment works", "Best practices for configuring
canary"): a run that scores below `marginal` fails the whole canary at once; the last run must
reach `pass`. Its figures to start with are 75 and 95 on hourly runs of 50 points and more; the
judge's own defaults here are 50 and 75. Runs that grow minute by minute are what a team does
that wants to know sooner; the documents advise against so few points.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from benchmarks.calibration.rivals_window import RivalVerdict, Window, windows
from davylamp.judge.kayenta.classify import judge_metric
from davylamp.judge.kayenta.fail_ratio import outcome_by_fail_ratio
from davylamp.judge.kayenta.metric import Direction, MetricInput, MetricResult
from davylamp.judge.kayenta.score import (
    MARGINAL_SCORE,
    PASS_SCORE,
    ScoreOutcome,
    outcome_of,
    score_metrics,
)
from davylamp.judge.recording import Recording
from davylamp.judge.verdict import Outcome

POINTS = 10
FIRST_LOOK = 3
"""Below five points a side no rank test reaches 98 %, and the interval ends at the extremes of
the data: any two separate sides are High. Looking from the first minute on rolls back a fifth of
identical builds by that alone, from the third one in fifty, from the fifth next to none. The
third is the best of both for the rival: early, and rarely wrong."""

_METRICS: dict[str, Callable[[Window], float]] = {
    "error rate": lambda w: 100 * w.error_share,
    "p50": lambda w: w.p50_ms,
    "p90": lambda w: w.p90_ms,
    "p99": lambda w: w.p99_ms,
    "CPU a request": lambda w: 1000 * w.cpu_per_request_s,
    "memory": lambda w: w.memory_bytes,
}
"""In per cent, ms and bytes: the judge knows no shift below 1e-4, so shares would hide from it."""
_OUTCOMES = {
    ScoreOutcome.PASS: Outcome.PROMOTE,
    ScoreOutcome.MARGINAL: Outcome.MANUAL,
    ScoreOutcome.FAIL: Outcome.ROLLBACK,
}
Rule = Callable[[Sequence[MetricResult]], Outcome]


def by_score(pass_score: float = PASS_SCORE, marginal_score: float = MARGINAL_SCORE) -> Rule:
    """Pass is PROMOTE, marginal is MANUAL (a human looks), fail is ROLLBACK."""
    return lambda results: _OUTCOMES[outcome_of(score_metrics(results), pass_score, marginal_score)]


by_fail_ratio: Rule = outcome_by_fail_ratio


def kayenta_fixed_window(
    stream: Recording, *, error_critical: bool, rule: Rule | None = None
) -> RivalVerdict:
    """Ten points of a minute, judged once, at the end of the tenth (or of the stream)."""
    control, experiment = _points(stream)
    if not control:
        return RivalVerdict(Outcome.CONTINUE, len(stream) - 1)
    outcome = _judged(control, experiment, error_critical, rule or by_score())
    return RivalVerdict(outcome, experiment[-1].last_tick)


def kayenta_each_minute(
    stream: Recording,
    *,
    error_critical: bool,
    rule: Rule | None = None,
    first_look: int = FIRST_LOOK,
) -> RivalVerdict:
    """The same ten points, judged with all that is there at each minute from `first_look` on."""
    control, experiment = _points(stream)
    outcome, at = Outcome.CONTINUE, len(stream) - 1
    for n in range(first_look, len(control) + 1):
        outcome = _judged(control[:n], experiment[:n], error_critical, rule or by_score())
        at = experiment[n - 1].last_tick
        if outcome is Outcome.ROLLBACK:
            break
    return RivalVerdict(outcome, at)


def _points(stream: Recording) -> tuple[list[Window], list[Window]]:
    control, experiment = windows(stream, stream.baseline), windows(stream, stream.canary)
    return control[:POINTS], experiment[:POINTS]


def _judged(
    control: Sequence[Window], experiment: Sequence[Window], error_critical: bool, rule: Rule
) -> Outcome:
    """More is worse in every metric. A metric nobody measured is not in the configuration."""
    inputs = [
        MetricInput(
            name,
            [figure(w) for w in control],
            [figure(w) for w in experiment],
            direction=Direction.INCREASE,
            critical=error_critical and name == "error rate",
        )
        for name, figure in _METRICS.items()
    ]
    measured = [m for m in inputs if m.critical or _is_measured(m)]
    return rule([judge_metric(m) for m in measured])


def _is_measured(metric: MetricInput) -> bool:
    return not all(math.isnan(v) for v in (*metric.control, *metric.experiment))
