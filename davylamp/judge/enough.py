"""Is there enough to judge by? Too little is never a pass."""

from __future__ import annotations

import math

import numpy as np

from davylamp.judge.compare import Sides
from davylamp.judge.intervals import Intervals
from davylamp.judge.policy import JudgePolicy


def what_is_missing(sides: Sides, policy: JudgePolicy, elapsed_seconds: float) -> tuple[str, ...]:
    """What each side lacks, and about how many seconds would bring it; empty when enough."""
    missing: list[str] = []
    for name, side in (("candidate", sides.candidate), ("baseline", sides.baseline)):
        ticks = float(np.count_nonzero(side.completed))
        for what, have, needed in (
            ("requests", side.requests, policy.minimum_requests),
            ("intervals with traffic", ticks, policy.minimum_ticks),
        ):
            if have < needed:
                more = _time_to_come(side, have, needed, elapsed_seconds)
                missing.append(f"the {name} has {have:,.0f} of {needed:,} {what} ({more})")
    return tuple(missing)


_AGES = 1e9


def _time_to_come(side: Intervals, have: float, needed: float, elapsed_seconds: float) -> str:
    seconds = max(float(side.seconds.sum()), elapsed_seconds if elapsed_seconds > 0 else 0.0)
    if have <= 0 or seconds <= 0 or not math.isfinite(seconds):
        return "none came yet"
    more = (needed - have) * seconds / have
    return f"about {math.ceil(more):,} s more" if more < _AGES else "hardly any came yet"
