"""The fixed-window judge on a whole recorded stream, for comparison with the sequential one."""

from __future__ import annotations

from typing import Any

import numpy as np

from davylamp.judge.compare import Sides
from davylamp.judge.enough import what_is_missing
from davylamp.judge.fixed_window import FAIL_RATIO, SCORE, judge_window
from davylamp.judge.intervals import intervals_of
from davylamp.judge.policy import JudgePolicy
from davylamp.judge.recording import Recording
from davylamp.judge.verdict import MetricVerdict, Outcome

POINT_SECONDS = 15.0
"""Length of a point in the series that are compared; forty in ten minutes."""


def judge_whole(recording: Recording, rule: str = FAIL_RATIO) -> dict[str, Any]:
    """The verdict over all ticks, as `davylamp judge stream --judge kayenta --json` prints it."""
    policy = JudgePolicy(rule=rule, interval_seconds=POINT_SECONDS)
    sides = Sides(
        intervals_of(recording.canary, POINT_SECONDS, recording.bounds_ms),
        intervals_of(recording.baseline, POINT_SECONDS, recording.bounds_ms),
    )
    last = len(recording) - 1
    base: dict[str, Any] = {"id": recording.id, "judge": "kayenta", "at_tick": last}
    missing = what_is_missing(sides, policy, len(recording) * recording.tick_seconds)
    missing += recording.notes
    verdict = judge_window(sides, policy)
    outcome = verdict.outcome
    if missing and outcome is not Outcome.ROLLBACK:
        outcome = Outcome.MANUAL
    if outcome is Outcome.CONTINUE:
        outcome = Outcome.MANUAL
    return base | {
        "outcome": str(outcome),
        "promotable_at_tick": last if outcome is Outcome.PROMOTE else None,
        "headline": verdict.headline if not missing else f"held back: {missing[0]}",
        "e_value": None,
        "missing": [*missing, *verdict.missing],
        "metrics": [_document(m) for m in verdict.metrics],
        "other_judges": {f"kayenta {SCORE}": verdict.other_opinions.get(SCORE, "")},
    }


def other_judges(recording: Recording, ticks: int) -> dict[str, str]:
    """What the fixed-window rules say of the first `ticks` ticks: rule → outcome."""
    sides = [
        intervals_of(series.first(ticks), POINT_SECONDS, recording.bounds_ms)
        for series in (recording.canary, recording.baseline)
    ]
    policy = JudgePolicy(interval_seconds=POINT_SECONDS)
    with np.errstate(all="ignore"):
        verdict = judge_window(Sides(*sides), policy)
    return {FAIL_RATIO: str(verdict.outcome), **verdict.other_opinions}


def _document(metric: MetricVerdict) -> dict[str, Any]:
    return {
        "name": metric.name,
        "unit": metric.unit,
        "candidate": metric.candidate,
        "baseline": metric.baseline,
        "ratio": metric.effect_size,
        "lower": metric.lower,
        "upper": metric.upper,
        "e_value": None,
        "classification": metric.classification,
        "says": metric.reason,
    }
