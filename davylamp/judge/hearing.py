"""One look at the evidence: gross harm first, then whether there is enough, then the window."""

from __future__ import annotations

import numpy as np

from davylamp.judge.compare import Sides
from davylamp.judge.early_stop import Harm, find_gross_harm
from davylamp.judge.enough import what_is_missing
from davylamp.judge.fixed_window import judge_window
from davylamp.judge.intervals import intervals_of
from davylamp.judge.policy import JudgePolicy
from davylamp.judge.verdict import Evidence, MetricVerdict, Outcome, Verdict

EARLY_STOP = "early-stop"


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
            return _stopped(harm, sides)
        missing = what_is_missing(sides, policy, evidence.elapsed_seconds)
        if not evidence.simultaneous:
            missing = ("a baseline of the same seconds: only gross harm can be judged",)
        if missing:
            return _undecided(missing, sides, is_simultaneous=evidence.simultaneous)
        return judge_window(sides, policy)


def _stopped(harm: Harm, sides: Sides) -> Verdict:
    metric = MetricVerdict(
        name=harm.metric,
        classification="High",
        reason=harm.reason,
        critical=True,
        candidate=harm.candidate,
        baseline=harm.baseline,
        unit=harm.unit,
        effect_size=harm.candidate / harm.baseline if harm.baseline else None,
    )
    return Verdict(
        outcome=Outcome.ROLLBACK,
        headline=harm.reason,
        judge=EARLY_STOP,
        metrics=(metric,),
        candidate_requests=int(sides.candidate.requests),
        baseline_requests=int(sides.baseline.requests),
    )


def _undecided(missing: tuple[str, ...], sides: Sides, *, is_simultaneous: bool) -> Verdict:
    seen = f"{sides.candidate.requests:,.0f} requests of the candidate"
    said = "too little to judge" if is_simultaneous else "no gross harm"
    return Verdict(
        outcome=Outcome.CONTINUE,
        headline=f"{said} in {seen}: {missing[0]}" if is_simultaneous else f"{said} in {seen}",
        judge=EARLY_STOP,
        missing=missing,
        candidate_requests=int(sides.candidate.requests),
        baseline_requests=int(sides.baseline.requests),
    )
