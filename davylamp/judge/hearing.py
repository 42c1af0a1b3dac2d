"""One look at the evidence: gross harm first, then whether there is enough, then the window."""

from __future__ import annotations

import numpy as np

from davylamp.judge.compare import Sides, not_judged
from davylamp.judge.early_stop import Harm, find_gross_harm
from davylamp.judge.enough import what_is_missing
from davylamp.judge.explain import ratio
from davylamp.judge.fixed_window import judge_window
from davylamp.judge.intervals import intervals_of
from davylamp.judge.kayenta.metric import Classification
from davylamp.judge.metrics import METRICS
from davylamp.judge.policy import JudgePolicy
from davylamp.judge.verdict import Evidence, MetricVerdict, Outcome, Verdict

EARLY_STOP = "early-stop"
NOT_SIMULTANEOUS = "a baseline of the same seconds: without it only gross harm can be judged"


def judge(evidence: Evidence, policy: JudgePolicy) -> Verdict:
    """Say whether the candidate is worse, as far as this evidence goes. Pure and total.

    May be asked at every tick, but its answers are not all alike. A ROLLBACK whose `judge` is
    `early-stop` may be acted on at any look. What a fixed-window rule (`fail-ratio`, `score`)
    says holds for one look, at the end of a step: acting on it at every tick would raise its
    false alarms tenfold. Too little evidence is CONTINUE, never PROMOTE.
    """
    with np.errstate(all="ignore"):
        sides = Sides(
            intervals_of(evidence.candidate, policy.interval_seconds),
            intervals_of(evidence.baseline, policy.interval_seconds),
        )
        harm = find_gross_harm(evidence, policy.gross)
        if harm:
            return _stopped(harm, sides, policy)
        if not evidence.simultaneous:
            return _undecided("no gross harm", (NOT_SIMULTANEOUS,), sides, policy)
        missing = what_is_missing(sides, policy, evidence.elapsed_seconds)
        if missing:
            return _undecided(f"too little to judge: {missing[0]}", missing, sides, policy)
        return judge_window(sides, policy)


def _stopped(harm: Harm, sides: Sides, policy: JudgePolicy) -> Verdict:
    metric = MetricVerdict(
        name=harm.metric,
        classification=Classification.HIGH,
        reason=harm.reason,
        critical=True,
        candidate=harm.candidate,
        baseline=harm.baseline,
        unit=harm.unit,
        effect_size=ratio(harm.candidate, harm.baseline),
    )
    others = _figures(sides, policy, "stopped at once for gross harm elsewhere")
    return Verdict(
        outcome=Outcome.ROLLBACK,
        headline=harm.reason,
        judge=EARLY_STOP,
        metrics=(metric, *(m for m in others if m.name != harm.metric)),
        candidate_requests=int(sides.candidate.requests),
        baseline_requests=int(sides.baseline.requests),
    )


def _undecided(
    headline: str, missing: tuple[str, ...], sides: Sides, policy: JudgePolicy
) -> Verdict:
    requests = int(sides.candidate.requests)
    return Verdict(
        outcome=Outcome.CONTINUE,
        headline=headline,
        judge=EARLY_STOP,
        metrics=_figures(sides, policy, missing[0]),
        missing=missing,
        candidate_requests=requests,
        baseline_requests=int(sides.baseline.requests),
    )


def _figures(sides: Sides, policy: JudgePolicy, reason: str) -> tuple[MetricVerdict, ...]:
    """What both sides show, without judging it."""
    return tuple(
        not_judged(m, sides, policy, f"not judged: {reason}")
        for m in METRICS
        if m.name not in policy.ignored
    )
