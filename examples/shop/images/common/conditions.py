"""What a service is like, and what befalls it through no fault of its build."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from dataclasses import dataclass

SPREAD = 0.2
"""Sigma of the lognormal latency: p99 is then 1.6 times the median."""


@dataclass(frozen=True)
class Now:
    """How things are at a moment."""

    slowness: float
    """How many times longer than usual requests take."""
    error_rate: float


@dataclass(frozen=True)
class Conditions:
    """The same for every build of a service: latency, cost of a request, and bad days."""

    median_ms: float
    spread: float = SPREAD
    work_ms: float = 0.0
    """CPU a request costs."""
    cold_seconds: float = 0.0
    cold_factor: float = 1.0
    """Requests of a fresh copy take so many times as long; that fades within `cold_seconds`."""
    brownout_every: float = 0.0
    brownout_seconds: float = 0.0
    brownout_factor: float = 1.0
    brownout_error_rate: float = 0.0
    """A dependency is slow or failing, for all copies at the same time: by the wall clock."""
    pause_every: float = 0.0
    pause_ms: float = 0.0
    """Nothing runs, as in a collection of garbage; each copy at its own time."""
    garbage_bytes: int = 0
    """What a request leaves behind until the next pause."""

    @classmethod
    def read(cls, median_ms: float, environment: Mapping[str, str] = os.environ) -> Conditions:
        def number(name: str, default: float = 0.0) -> float:
            return float(environment.get(name) or default)

        return cls(
            median_ms=number("SHOP_MEDIAN_MS", median_ms),
            spread=number("SHOP_SPREAD", SPREAD),
            work_ms=number("SHOP_WORK_MS"),
            cold_seconds=number("SHOP_COLD_SECONDS"),
            cold_factor=number("SHOP_COLD_FACTOR", 1.0),
            brownout_every=number("SHOP_BROWNOUT_EVERY"),
            brownout_seconds=number("SHOP_BROWNOUT_SECONDS"),
            brownout_factor=number("SHOP_BROWNOUT_FACTOR", 1.0),
            brownout_error_rate=number("SHOP_BROWNOUT_ERROR_RATE"),
            pause_every=number("SHOP_PAUSE_EVERY"),
            pause_ms=number("SHOP_PAUSE_MS"),
            garbage_bytes=int(number("SHOP_GARBAGE_BYTES")),
        )

    def now(self, age_seconds: float, wall_seconds: float | None = None) -> Now:
        """`age_seconds` is how long this copy has been up; `wall_seconds` the time of day."""
        wall = time.time() if wall_seconds is None else wall_seconds
        slowness, error_rate = self._coldness(age_seconds), 0.0
        if self.brownout_every and wall % self.brownout_every < self.brownout_seconds:
            slowness *= self.brownout_factor
            error_rate = self.brownout_error_rate
        return Now(slowness, error_rate)

    def _coldness(self, age_seconds: float) -> float:
        if age_seconds >= self.cold_seconds:
            return 1.0
        return 1.0 + (self.cold_factor - 1.0) * (1.0 - age_seconds / self.cold_seconds)
