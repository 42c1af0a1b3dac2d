"""Step: one thing the act tries, and how it ended."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Ending:
    """How a step ended. `problem` says what is not as it should be; empty when all is."""

    outcome: str
    reason: str
    problem: str = ""


@dataclass(frozen=True)
class ActStep:
    """One step. `began` and `ended` are Unix times in seconds, to find users' requests by."""

    name: str
    outcome: str
    reason: str
    began: float
    ended: float
    problem: str = ""

    @property
    def seconds(self) -> float:
        return round(self.ended - self.began, 1)


def take_step(name: str, act: Callable[[], Ending]) -> ActStep:
    """Do it, and say how long it took."""
    began = time.time()
    ending = act()
    return ActStep(name, ending.outcome, ending.reason, began, time.time(), ending.problem)


def expected(wanted: str, outcome: str, reason: str, problem: str = "") -> Ending:
    """An ending that had to be `wanted`, and where it was must show no other problem."""
    if outcome != wanted:
        return Ending(outcome, reason, f"it was {outcome}, and should have been {wanted}: {reason}")
    return Ending(outcome, reason, problem)
