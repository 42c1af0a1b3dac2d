"""The ladder for low traffic: the first rung that shows harm and lets a healthy build through."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from davylamp.judge.plan_least import least_rps
from davylamp.judge.plan_objective import Objective
from davylamp.judge.plan_sight import Sight, look, promotion
from davylamp.judge.sequential.policy import SequentialPolicy

LONG_WINDOW_SECONDS = 1800.0
MOST_SYNTHETIC = 20.0
"""Times the real traffic; beyond that the verdict would be about the synthetic load alone."""
_ROUND_SECONDS = 300.0


class Strategy(StrEnum):
    """The rungs, from plenty of traffic to next to none."""

    CANARY = "canary"
    LONG_CANARY = "long_canary"
    """Half of the users, for half an hour and more."""
    SYNTHETIC_LOAD = "synthetic_load"
    """Half of the users, and requests of one's own on both sides."""
    CANARY_WITH_HUMAN = "canary_with_human"
    """Harm rolls back by itself; a human promotes."""
    BLUE_GREEN = "blue_green"
    """A plain threshold and a human."""


@dataclass(frozen=True)
class Choice:
    """`sight` is what is seen then; None where statistics can't serve."""

    strategy: Strategy
    sight: Sight | None
    window_seconds: float
    synthetic_rps: float = 0.0
    """Requests/s to add to the service's own."""


def choose(objective: Objective, policy: SequentialPolicy, seen: Sequence[Sight]) -> Choice:
    """`seen` in the order of growing fractions."""
    return (
        _canary(objective, seen)
        or _long_canary(objective, seen[-1])
        or _synthetic(objective, policy, seen[-1])
        or _without_promotion(objective, seen)
    )


def _canary(objective: Objective, seen: Sequence[Sight]) -> Choice | None:
    window = objective.window_seconds
    enough = [s for s in seen if s.needs_seconds <= window]
    return Choice(Strategy.CANARY, enough[0], window) if enough else None


def _long_canary(objective: Objective, half: Sight) -> Choice | None:
    longest = max(objective.release_seconds, objective.window_seconds)
    if half.needs_seconds > longest:
        return None
    rounded = _ROUND_SECONDS * math.ceil(half.needs_seconds / _ROUND_SECONDS)
    window = min(max(rounded, LONG_WINDOW_SECONDS), longest)
    return Choice(Strategy.LONG_CANARY, half, window)


def _synthetic(objective: Objective, policy: SequentialPolicy, half: Sight) -> Choice | None:
    window, few = objective.window_seconds, half.canary_rps
    rps = least_rps(objective, policy, window, few, few * (1.0 + MOST_SYNTHETIC))
    if rps is None:
        return None
    there = look(half.fraction, rps, objective, policy, window)
    there = replace(there, promote=promotion(rps, objective, policy, window))
    return Choice(Strategy.SYNTHETIC_LOAD, there, window, (rps - few) / half.fraction)


def _without_promotion(objective: Objective, seen: Sequence[Sight]) -> Choice:
    window = objective.window_seconds
    enough = [s for s in seen if s.detect_from_start <= window]
    if enough:
        return Choice(Strategy.CANARY_WITH_HUMAN, enough[0], window)
    return Choice(Strategy.BLUE_GREEN, None, window)
