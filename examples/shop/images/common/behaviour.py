"""How a version of the shop behaves: well, unless its image's environment plants a fault."""

from __future__ import annotations

import os
import random
from collections.abc import Mapping
from dataclasses import dataclass

from conditions import Conditions


@dataclass(frozen=True)
class Behaviour:
    """What a build is made to do. Shares in [0, 1]; all faults are off by default."""

    error_rate: float = 0.0
    unauthorized_rate: float = 0.0
    slow_share: float = 0.0
    slow_factor: float = 1.0
    hang_share: float = 0.0
    burn_ms: float = 0.0
    """CPU burned for each request, on top of what it costs anyway."""
    leak_bytes_a_second: float = 0.0
    faults_after_seconds: float = 0.0
    """All of the above begin that long after the copy is up."""
    start_seconds: float = 0.0
    die_after_seconds: float | None = None
    die_spread: float = 0.0
    """That share of the time sooner or later, so that copies don't die together."""
    never_listens: bool = False

    @classmethod
    def read(cls, environment: Mapping[str, str] = os.environ) -> Behaviour:
        def number(name: str, default: float = 0.0) -> float:
            return float(environment.get(name) or default)

        die_after = environment.get("SHOP_DIE_AFTER")
        return cls(
            error_rate=number("SHOP_ERROR_RATE"),
            unauthorized_rate=number("SHOP_UNAUTHORIZED_RATE"),
            slow_share=number("SHOP_SLOW_SHARE"),
            slow_factor=number("SHOP_SLOW_FACTOR", 1.0),
            hang_share=number("SHOP_HANG_SHARE"),
            burn_ms=number("SHOP_BURN_MS"),
            leak_bytes_a_second=number("SHOP_LEAK_BYTES"),
            faults_after_seconds=number("SHOP_FAULTS_AFTER"),
            start_seconds=number("SHOP_START_SECONDS"),
            die_after_seconds=float(die_after) if die_after else None,
            die_spread=number("SHOP_DIE_SPREAD"),
            never_listens=environment.get("SHOP_NEVER_LISTEN", "") not in ("", "0"),
        )


@dataclass(frozen=True)
class Fate:
    """What happens to one request."""

    delay_ms: float
    status: int = 200
    """500 or 401 where it gets that instead of its answer."""
    hangs: bool = False
    is_slowed: bool = False
    cpu_ms: float = 0.0

    @property
    def is_planted(self) -> bool:
        return self.status != 200 or self.hangs or self.is_slowed


def draw_fate(
    behaviour: Behaviour, around: Conditions, age_seconds: float, chance: random.Random
) -> Fate:
    """Decide one request's fate. `age_seconds` is how long the copy has been up."""
    usual = around.now(age_seconds)
    delay = chance.lognormvariate(0.0, around.spread) * around.median_ms * usual.slowness
    fails = chance.random() < usual.error_rate
    if age_seconds < behaviour.faults_after_seconds:
        return Fate(delay, 500 if fails else 200, cpu_ms=around.work_ms)
    is_slowed = chance.random() < behaviour.slow_share
    refused = chance.random() < behaviour.unauthorized_rate
    fails = chance.random() < behaviour.error_rate or fails
    return Fate(
        delay_ms=delay * (behaviour.slow_factor if is_slowed else 1.0),
        status=500 if fails else 401 if refused else 200,
        hangs=chance.random() < behaviour.hang_share,
        is_slowed=is_slowed,
        cpu_ms=around.work_ms + behaviour.burn_ms,
    )
