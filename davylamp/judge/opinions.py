"""Several judges, one word: who decides by the policy, and what the others would have said."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from davylamp.judge.compare import Sides, not_judged
from davylamp.judge.enough import what_is_missing
from davylamp.judge.fixed_window import FAIL_RATIO, SCORE, judge_window
from davylamp.judge.intervals import intervals_of
from davylamp.judge.metrics import METRICS
from davylamp.judge.policy import JudgePolicy
from davylamp.judge.sequential.policy import METRICS as SEQUENTIAL_METRICS
from davylamp.judge.verdict import Evidence, Outcome, Verdict

WINDOW_RULES = (FAIL_RATIO, SCORE)
_DOUBTFUL = 10.0
"""Evidence of harm from which on no fixed window promotes either."""


def judge_step(evidence: Evidence, policy: JudgePolicy) -> Verdict:
    """What the fixed-window rules say of one step: CONTINUE while there is too little.

    It holds for one look, at the end of the step: acting on it at every tick would raise its
    false alarms tenfold.
    """
    with np.errstate(all="ignore"):
        sides = Sides(
            intervals_of(evidence.candidate, policy.interval_seconds),
            intervals_of(evidence.baseline, policy.interval_seconds),
        )
        missing = what_is_missing(sides, policy, evidence.elapsed_seconds)
        if not missing:
            return judge_window(sides, policy)
        judged = [m for m in METRICS if m.name not in policy.ignored]
        reason = f"not judged: {missing[0]}"
        return Verdict(
            outcome=Outcome.CONTINUE,
            headline=f"too little to judge: {missing[0]}",
            judge=policy.rule if policy.rule in WINDOW_RULES else FAIL_RATIO,
            metrics=tuple(not_judged(m, sides, policy, reason) for m in judged),
            missing=missing,
            candidate_requests=int(sides.candidate.requests),
            baseline_requests=int(sides.baseline.requests),
        )


def weigh(sequential: Verdict, window: Verdict, policy: JudgePolicy) -> Verdict:
    """The verdict that counts, with the others' opinions beside it.

    Harm seen by the sequential judge always counts; who promotes is the policy's choice.
    """
    others = {**window.other_opinions, window.judge: str(window.outcome)}
    if policy.rule not in WINDOW_RULES or sequential.outcome is Outcome.ROLLBACK:
        return replace(sequential, other_opinions=others)
    others = {k: v for k, v in others.items() if k != window.judge}
    others[sequential.judge] = str(sequential.outcome)
    outcome, headline = window.outcome, window.headline
    if outcome is Outcome.PROMOTE and (sequential.e_value or 0.0) >= _DOUBTFUL:
        outcome = Outcome.MANUAL
    elif outcome is Outcome.PROMOTE and sequential.vetoes:
        outcome, headline = Outcome.CONTINUE, f"held back: {sequential.vetoes[0]}"
    named = (m for m in sequential.metrics if m.name not in SEQUENTIAL_METRICS)
    return replace(
        window,
        outcome=outcome,
        headline=headline,
        metrics=(*window.metrics, *named),
        missing=(*window.missing, *sequential.vetoes),
        vetoes=sequential.vetoes,
        other_opinions=others,
        e_value=sequential.e_value,
    )
