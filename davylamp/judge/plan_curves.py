"""Seconds to detection by error rate and fraction: what the planner draws."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from davylamp.judge.plan_cases import Cases, mark
from davylamp.judge.plan_detect import seconds_to_detect
from davylamp.judge.plan_sight import FRACTIONS, LOOK_AHEAD_SECONDS
from davylamp.judge.planner import TrafficPlan
from davylamp.judge.sample import Floats

_RATES, _REPLICATES = 10, 24


@dataclass(frozen=True)
class Curves:
    """`error_rates` (R,); `seconds` (F, R) to 95 % detection from the harm's beginning, for each of
    `FRACTIONS`; inf where not within `ahead_seconds`."""

    error_rates: Floats
    seconds: Floats
    ahead_seconds: float


def detection_curves(plan: TrafficPlan) -> Curves:
    """Simulated as the plan is, for error rates from what is allowed to certain failure."""
    objective, policy = plan.objective, plan.policy
    ahead = max(objective.window_seconds, LOOK_AHEAD_SECONDS)
    lowest = min(objective.allowed_error_rate(policy), 0.9)
    rates = np.geomspace(lowest, 1.0, _RATES + 1)[1:]
    onset = np.full(_RATES, policy.warm_up_seconds)
    rows: list[Floats] = []
    for fraction in FRACTIONS:
        rps = np.full(_RATES, fraction * objective.rps)
        cases = Cases(rps, rates, objective.base_error_rate, onset)
        rows.append(mark(seconds_to_detect(cases, policy, ahead, _REPLICATES)))
    return Curves(rates, np.stack(rows), ahead)
