"""The planner: which fraction, window and strategy show harm at a service's traffic, beforehand.

Every figure comes from the judge's own arithmetic on simulated releases of independent requests
(plan_detect, plan_promote, plan_latency), with the same dice each time. Real traffic clusters:
count on up to three times as long.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from davylamp.judge.plan_advice import advice
from davylamp.judge.plan_ladder import Choice, choose
from davylamp.judge.plan_least import detectable_error_rate, least_rps
from davylamp.judge.plan_objective import Objective
from davylamp.judge.plan_sight import FRACTIONS, Sight, sights
from davylamp.judge.sequential.policy import SequentialPolicy


@dataclass(frozen=True)
class TrafficPlan:
    """What to do, and what that shows."""

    objective: Objective
    policy: SequentialPolicy
    choice: Choice
    detectable_error_rate: float | None
    """The smallest that is seen with 95 % probability within the chosen window."""
    sights: tuple[Sight, ...]
    """One for each fraction."""
    advice: str


@dataclass(frozen=True)
class Hour:
    """An hour of the week (0: Monday 00:00), and the least fraction that suffices in it."""

    hour: int
    rps: float | None
    """None: not measured."""
    fraction: float | None


def plan(objective: Objective, policy: SequentialPolicy | None = None) -> TrafficPlan:
    """Try the rungs of the ladder out until one shows the harm and lets a healthy build through."""
    policy = policy or SequentialPolicy()
    seen = sights(objective, policy)
    choice = choose(objective, policy, seen)
    rps = (choice.sight or seen[-1]).canary_rps
    is_seen = choice.sight is not None
    rate = detectable_error_rate(rps, objective, policy, choice.window_seconds, is_seen)
    said = advice(objective, policy, choice, rate)
    return TrafficPlan(objective, policy, choice, rate, seen, said)


def plan_week(plan: TrafficPlan, rps_by_hour: Sequence[float | None]) -> tuple[Hour, ...]:
    """For each hour of a week the least fraction with which the asked window suffices."""
    needed = least_canary_rps(plan, [rps for rps in rps_by_hour if rps])
    found: list[Hour] = []
    for hour, rps in enumerate(rps_by_hour):
        enough = [f for f in FRACTIONS if needed is not None and rps and f * rps >= needed]
        found.append(Hour(hour, rps, enough[0] if enough else None))
    return tuple(found)


def least_canary_rps(plan: TrafficPlan, rps: Sequence[float]) -> float | None:
    """The least requests/s on the candidate that show the harm, and let a healthy build through,
    within the asked window. None: not even half of the busiest of `rps` do."""
    if not rps:
        return None
    window = plan.objective.window_seconds
    good = [s.canary_rps for s in plan.sights if s.needs_seconds <= window]
    bad = [s.canary_rps for s in plan.sights if s.needs_seconds > window]
    high = min(good, default=FRACTIONS[-1] * max(rps))
    low = max((v for v in bad if v < high), default=FRACTIONS[0] * min(rps))
    if low >= high:
        return high if good else None
    found = least_rps(plan.objective, plan.policy, window, low, high)
    return found or (high if good else None)
