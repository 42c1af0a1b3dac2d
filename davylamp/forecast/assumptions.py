"""Assumptions: what is believed of a fleet and its releases. Times in seconds, shares in [0, 1]."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields

DAYS_A_YEAR = 365
MOST_BAD_A_YEAR = 1_000_000
_SHARES = ("p_bad", "catch_rate", "harm_share", "search_share")


class WrongAssumption(ValueError):
    """One that makes no sense. `field` says which."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field


@dataclass(frozen=True)
class Assumptions:
    """The defaults are the textbook case and this platform's own times."""

    deploys_per_day: float = 1000.0
    p_bad: float = 0.001
    """That a deploy is bad."""
    catch_rate: float = 0.95
    """Share of bad deploys that the canary catches."""
    fraction: float = 0.05
    """Share of users on the canary's first step."""
    users: float = 10_000.0
    """Users of the deployed service at any moment, on average over the fleet's deploys."""
    detection_seconds: float = 30.0
    """Mean time in which a canary on `fraction` of the users is seen to be bad."""
    floor_seconds: float = 5.0
    """Of it, what no amount of traffic makes shorter."""
    window_seconds: float = 600.0
    """How long a canary that isn't caught stays on its fraction."""
    human_seconds: float = 2700.0
    """Mean time until people notice, find and decide: Knight Capital took 45 minutes."""
    switch_seconds: float = 5.0
    """To bring users back by route, once that is decided."""
    roll_seconds: float = 900.0
    """A rolling update from the first instance to the last, and the same back."""
    harm_share: float = 1.0
    """Share of what a user does on a bad build that is harmed. 1: crippling."""
    search_share: float = 0.5
    """Share of `human_seconds` spent on finding which change it was: halves with the batch."""

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if not math.isfinite(value) or not 0 <= value <= 1e12:
                raise WrongAssumption(field.name, f"is {value:g}: 0 to 1e12 is needed")
            if field.name in _SHARES and value > 1:
                raise WrongAssumption(field.name, f"is {value:g}: a share from 0 to 1 is needed")
        if not 0 < self.fraction <= 1:
            raise WrongAssumption("fraction", f"is {self.fraction:g}: above 0 and up to 1 it is")
        if self.floor_seconds > self.detection_seconds:
            raise WrongAssumption(
                "detection_seconds",
                f"is {self.detection_seconds:g}, less than the {self.floor_seconds:g} s that any "
                "detection takes (--floor-seconds)",
            )

    @property
    def bad_per_year(self) -> float:
        """deploys/day × 365 × P(bad): linearity of expectation, whatever depends on what."""
        return self.deploys_per_day * DAYS_A_YEAR * self.p_bad

    @property
    def missed_per_year(self) -> float:
        """deploys/day × 365 × P(bad) × (1 − catch rate)."""
        return self.bad_per_year * (1.0 - self.catch_rate)

    def detection_at(self, fraction: float) -> float:
        """Mean seconds to detection on another share of the users.

        A sequential test ends after a number of observations that doesn't depend on how fast they
        come (Wald 1945, "Sequential Tests of Statistical Hypotheses", average sample number), so
        all but the floor goes with 1/fraction.
        """
        informed = self.detection_seconds - self.floor_seconds
        return self.floor_seconds + informed * self.fraction / fraction
