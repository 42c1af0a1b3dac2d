"""DORA's figures as people read them: a value and what stands behind it."""

from __future__ import annotations

from davylamp.report.dora import Dora, Durations
from davylamp.report.words import UNKNOWN, count, duration, share


def fail_rate(dora: Dora) -> tuple[str, str]:
    low, high = share(dora.change_fail_rate_low), share(dora.change_fail_rate_high)
    note = f"{count(dora.failed)} of {count(dora.deployments)}; 95 %: {low} to {high}"
    return share(dora.change_fail_rate), note


def durations(found: Durations | None, what: str = "") -> tuple[str, str]:
    """The median, and what it is of."""
    if found is None:
        return UNKNOWN, what
    spread = f"9 in 10 within {duration(found.p90)}, of {count(found.count)}"
    return duration(found.median), f"{what}; {spread}" if what else spread
