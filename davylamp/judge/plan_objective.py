"""What is to be seen, at which traffic, within which time."""

from __future__ import annotations

import math
from dataclasses import dataclass

from davylamp.judge.sequential.policy import SequentialPolicy

MOST_SECONDS = 4 * 3600.0
"""Longer releases are not simulated: that would take minutes."""
MOST_RPS = 1e9
LEAST_RATE = 1e-9


class WrongObjective(ValueError):
    """An objective that cannot be planned for. `field` is the one that is wrong."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field


@dataclass(frozen=True)
class Objective:
    """Rates in (0, 1), but for `detect_error_rate` which may be 1; times in seconds.

    Raises `WrongObjective` where a value makes no sense.
    """

    rps: float
    """Requests/s of the whole service."""
    base_error_rate: float
    """Of a healthy build."""
    detect_error_rate: float
    """Of a candidate that has to be rolled back."""
    window_seconds: float = 600.0
    """How long candidate and baseline stand side by side before anything is promoted."""
    release_seconds: float = 1800.0
    """The longest that the window may be made where the traffic is low."""
    latency_factor: float | None = None
    """Answers that take so many times as long have to be seen as well."""

    def __post_init__(self) -> None:
        _require(
            0 < self.rps <= MOST_RPS, "rps", self.rps, "be above 0 (requests/s of the service)"
        )
        base, worse = self.base_error_rate, self.detect_error_rate
        hint = "; where no error was ever seen, give what could have hidden, as 0.0001"
        _require(LEAST_RATE <= base < 1, "base_error_rate", base, f"lie between 0 and 1{hint}")
        _require(
            LEAST_RATE <= worse <= 1, "detect_error_rate", worse, "lie between 0 and 1 (0.05: 5 %)"
        )
        _require(
            base < worse,
            "detect_error_rate",
            worse,
            f"be above the base error rate of {base:g}: no more errors than usual is no harm",
        )
        for field in ("window_seconds", "release_seconds"):
            value = getattr(self, field)
            limits = f"lie between 1 and {MOST_SECONDS:.0f} seconds"
            _require(1 <= value <= MOST_SECONDS, field, value, limits)
        factor = self.latency_factor
        if factor is not None:
            _require(
                1 < factor <= 100, "latency_factor", factor, "lie between 1 and 100 (2: twice)"
            )

    def allowed_error_rate(self, policy: SequentialPolicy) -> float:
        """Up to which errors are no harm to the judge, however many requests there are."""
        return max(policy.error_ratio * self.base_error_rate, policy.error_rate)


def _require(holds: bool, field: str, value: float, what: str) -> None:
    if not (holds and math.isfinite(value)):
        raise WrongObjective(field, f"must {what}, found {value:g}")
