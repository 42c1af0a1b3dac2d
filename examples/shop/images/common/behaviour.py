"""How a version of the shop behaves: well, unless its image's environment plants a fault."""

from __future__ import annotations

import os
import random
from collections.abc import Mapping
from dataclasses import dataclass

SPREAD = 0.2
"""Sigma of the lognormal latency: p99 is then 1.6 times the median."""


@dataclass(frozen=True)
class Behaviour:
    """What a build is made to do. Shares in [0, 1]; all faults are off by default."""

    error_rate: float = 0.0
    slow_share: float = 0.0
    slow_factor: float = 1.0
    hang_share: float = 0.0
    start_seconds: float = 0.0
    die_after_seconds: float | None = None
    never_listens: bool = False

    @classmethod
    def read(cls, environment: Mapping[str, str] = os.environ) -> Behaviour:
        die_after = environment.get("SHOP_DIE_AFTER", "")
        return cls(
            error_rate=float(environment.get("SHOP_ERROR_RATE", "0")),
            slow_share=float(environment.get("SHOP_SLOW_SHARE", "0")),
            slow_factor=float(environment.get("SHOP_SLOW_FACTOR", "1")),
            hang_share=float(environment.get("SHOP_HANG_SHARE", "0")),
            start_seconds=float(environment.get("SHOP_START_SECONDS", "0")),
            die_after_seconds=float(die_after) if die_after else None,
            never_listens=environment.get("SHOP_NEVER_LISTEN", "") not in ("", "0"),
        )


@dataclass(frozen=True)
class Fate:
    """What happens to one request."""

    delay_ms: float
    fails: bool = False
    hangs: bool = False
    is_slowed: bool = False

    @property
    def is_planted(self) -> bool:
        return self.fails or self.hangs or self.is_slowed


def draw_fate(behaviour: Behaviour, median_ms: float, chance: random.Random) -> Fate:
    """Decide one request's fate: its delay in ms around `median_ms`, and its planted fault."""
    is_slowed = chance.random() < behaviour.slow_share
    factor = behaviour.slow_factor if is_slowed else 1.0
    return Fate(
        delay_ms=chance.lognormvariate(0.0, SPREAD) * median_ms * factor,
        fails=chance.random() < behaviour.error_rate,
        hangs=chance.random() < behaviour.hang_share,
        is_slowed=is_slowed,
    )
