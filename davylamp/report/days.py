"""Releases a day by how they ended. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from davylamp.ledger.models import ReleaseState
from davylamp.report.ended_releases import EndedRelease

OUTCOMES = (
    ReleaseState.PROMOTED,
    ReleaseState.ROLLED_BACK,
    ReleaseState.UNCONFIRMED,
    ReleaseState.ABANDONED,
    ReleaseState.REFUSED,
)


@dataclass(frozen=True)
class Day:
    """One day, in UTC; outcome → releases that ended so on it."""

    on: date
    counts: dict[ReleaseState, int]


def by_day(releases: Iterable[EndedRelease], since: datetime, until: datetime) -> list[Day]:
    """Every day from the first to the last, those without a release too."""
    counts = Counter((_day(one.ended_at), one.state) for one in releases)
    first, last = _day(since), _day(until)
    days = [first + timedelta(days=n) for n in range((last - first).days + 1)]
    return [Day(on, {state: counts[on, state] for state in OUTCOMES}) for on in days]


def by_outcome(releases: Iterable[EndedRelease]) -> dict[str, int]:
    """Outcome → how many; those there are none of too."""
    counts = Counter(one.state for one in releases)
    return {str(state): counts[state] for state in OUTCOMES}


def _day(at: datetime) -> date:
    return at.astimezone(UTC).date()
