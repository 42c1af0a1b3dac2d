"""Like is compared with like: are candidate and baseline of one age? Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from davylamp.judge.sample import Role
from davylamp.ledger.instance import Instance

_MOST_SECONDS = 60.0
"""Copies of one release are started together; more than this apart they are not alike."""


def complaints_about(copies: Sequence[Instance], release_id: int) -> tuple[str, ...]:
    """What speaks against comparing this release's two sides; empty where nothing does."""
    ages = {
        role: [i.started_at for i in copies if i.release_id == release_id and i.role is role]
        for role in (Role.CANDIDATE, Role.BASELINE)
    }
    oldest = {role: min(known) for role, found in ages.items() if (known := _known(found))}
    if len(oldest) < len(ages):
        return ()
    apart = (oldest[Role.CANDIDATE] - oldest[Role.BASELINE]).total_seconds()
    if abs(apart) <= _MOST_SECONDS:
        return ()
    younger = "candidate" if apart > 0 else "baseline"
    return (
        f"the {younger}'s copies are {abs(apart):.0f} s younger than the other side's: a warm "
        "build is not to be compared with a cold one; release it again",
    )


def _known(times: Sequence[datetime | None]) -> list[datetime]:
    return [t for t in times if t is not None]
