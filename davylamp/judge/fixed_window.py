"""The verdict over a whole window, by the share of failed metrics or by score."""

from __future__ import annotations

import math
from collections.abc import Sequence

from davylamp.judge.compare import Compared, Sides, compare
from davylamp.judge.explain import count
from davylamp.judge.kayenta.fail_ratio import fail_ratio, outcome_by_fail_ratio
from davylamp.judge.kayenta.metric import Classification, MetricResult
from davylamp.judge.kayenta.score import ScoreOutcome, outcome_of, score_metrics
from davylamp.judge.metrics import METRICS
from davylamp.judge.policy import JudgePolicy
from davylamp.judge.verdict import MetricVerdict, Outcome, Verdict

FAIL_RATIO, SCORE = "fail-ratio", "score"
_BY_SCORE = {
    ScoreOutcome.PASS: Outcome.PROMOTE,
    ScoreOutcome.MARGINAL: Outcome.MANUAL,
    ScoreOutcome.FAIL: Outcome.ROLLBACK,
}


def judge_window(sides: Sides, policy: JudgePolicy) -> Verdict:
    """Judge a window that has enough requests on both sides, by the policy's rule."""
    compared = [compare(m, sides, policy) for m in METRICS if m.name not in policy.ignored]
    metrics = tuple(c.verdict for c in compared)
    counted = [_result(m) for m in metrics if not _is_left_out(m)]
    score = score_metrics(counted)
    unclear = tuple(f"{c.name}: {c.reason}" for c in _unclear(compared))
    doubts = _doubts(metrics, policy)
    by_rule = {
        FAIL_RATIO: outcome_by_fail_ratio(counted),
        SCORE: _BY_SCORE[outcome_of(score, policy.pass_score, policy.marginal_score)],
    }
    outcomes = {rule: _weighed(said, doubts, unclear) for rule, said in by_rule.items()}
    rule = policy.rule if policy.rule in outcomes else FAIL_RATIO
    return Verdict(
        outcome=outcomes[rule],
        headline=_headline(outcomes[rule], metrics, sides, (*unclear, *doubts)),
        judge=rule,
        metrics=metrics,
        score=score,
        fail_ratio=fail_ratio(counted),
        missing=(*unclear, *doubts),
        other_opinions={name: str(said) for name, said in outcomes.items() if name != rule},
        candidate_requests=int(sides.candidate.requests),
        baseline_requests=int(sides.baseline.requests),
    )


def _unclear(compared: Sequence[Compared]) -> list[MetricVerdict]:
    """Critical metrics that look worse; more requests will show whether it is chance."""
    return [c.verdict for c in compared if c.is_unclear and c.verdict.critical]


def _result(metric: MetricVerdict) -> MetricResult:
    """As the rules count it. A critical metric without data makes for doubt, not for failure."""
    return MetricResult(
        metric.name,
        Classification(metric.classification),
        metric.reason,
        is_critical_failure=metric.critical and metric.speaks_against,
    )


def _is_left_out(metric: MetricVerdict) -> bool:
    """What neither side reports at all, and not every source can, is not counted."""
    optional = {m.name for m in METRICS if m.is_optional}
    return (
        metric.name in optional
        and not metric.critical
        and metric.classification == Classification.NODATA
        and metric.candidate is None
        and metric.baseline is None
    )


def _doubts(metrics: Sequence[MetricVerdict], policy: JudgePolicy) -> tuple[str, ...]:
    """Why this window cannot promote although nothing failed."""
    without = [m for m in metrics if m.classification == Classification.NODATA]
    doubts = [f"{m.name}: {m.reason}" for m in without if not _is_left_out(m)]
    errors = next((m.candidate for m in metrics if m.name == "error_rate"), None)
    if errors is not None and math.isfinite(errors) and errors >= 100 * policy.gross_rate:
        doubts.append(f"{errors:.1f} % of the candidate's requests fail, and as many elsewhere")
    return tuple(doubts)


def _weighed(said: Outcome, doubts: Sequence[str], unclear: Sequence[str]) -> Outcome:
    """Nothing is promoted over a doubt; what more requests will clear up is waited for."""
    if said is not Outcome.PROMOTE:
        return said
    return Outcome.CONTINUE if unclear else Outcome.MANUAL if doubts else said


def _headline(
    outcome: Outcome, metrics: Sequence[MetricVerdict], sides: Sides, doubts: Sequence[str]
) -> str:
    seen = (
        f"{count(sides.candidate.requests)} requests of the candidate and "
        f"{count(sides.baseline.requests)} of the baseline"
    )
    against = sorted((m for m in metrics if m.speaks_against), key=lambda m: not m.critical)
    if against:
        others = f" (and {len(against) - 1} more)" if len(against) > 1 else ""
        return f"{against[0].name} is worse: {against[0].reason}{others}; over {seen}"
    if outcome is Outcome.PROMOTE:
        return f"no harm found in {len(metrics)} metrics over {seen}"
    why = doubts[0] if doubts else "no metric was judged"
    return f"{'not clear yet' if outcome is Outcome.CONTINUE else 'held back'}, {why}; over {seen}"
