"""Releases that have ended, in a window of time: only what figures over many are made of."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Select, func, select, true

from davylamp.ledger.models import BuildRow, EventRow, ReleaseRow, ReleaseState
from davylamp.ledger.releases import database_now

_REACHED_ALL = (ReleaseState.PROMOTED, ReleaseState.UNCONFIRMED)
_MADE_STABLE = "made_stable"
"""Kind of the event of the point of no return."""


@dataclass(frozen=True)
class EndedRelease:
    """One release that has ended. None: it never came to that."""

    id: int
    service: str
    state: ReleaseState
    created_at: datetime
    ended_at: datetime
    traffic_at: datetime | None = None
    """When users first met the candidate."""
    decided_at: datetime | None = None
    made_stable_at: datetime | None = None
    """When the candidate became the stable build, for all users."""
    first_seen_at: datetime | None = None
    """When its build was first written down, in whichever release."""
    is_first_of_build: bool = False
    """The first release that brought this build to all users."""
    is_known_bad: bool = False


@dataclass(frozen=True)
class Window:
    """Some days of the ledger."""

    since: datetime
    until: datetime
    releases: tuple[EndedRelease, ...]

    @property
    def days(self) -> float:
        return (self.until - self.since).total_seconds() / 86_400


def read_window(db: Connection, days: float, service: str = "") -> Window:
    """What ended in the last `days`, oldest first; fewer days where the ledger is younger, one at
    least. Of one service when named."""
    now = database_now(db)
    since = now - timedelta(days=days)
    oldest = db.execute(select(ReleaseRow.created_at).order_by(ReleaseRow.id).limit(1)).scalar()
    if oldest is not None:
        since = max(since, min(oldest, now - timedelta(days=min(days, 1.0))))
    query = _query(service).where(ReleaseRow.ended_at > since).order_by(ReleaseRow.ended_at)
    return Window(since, now, tuple(_ended(row) for row in db.execute(query)))


def _ended(row: Any) -> EndedRelease:
    values: dict[str, Any] = dict(row._mapping)
    values["state"] = ReleaseState(values["state"])
    return EndedRelease(**values)


def _query(service: str) -> Select[*tuple[Any, ...]]:
    """Of one service it reads only that service's rows: it is asked at each release's end."""
    of_service = ReleaseRow.service == service if service else true()
    firsts = (
        select(func.min(ReleaseRow.id))
        .where(ReleaseRow.state.in_(_REACHED_ALL), of_service)
        .group_by(ReleaseRow.service, ReleaseRow.digest)
    )
    made_stable_at = (
        select(func.min(EventRow.at))
        .where(EventRow.release_id == ReleaseRow.id, EventRow.kind == _MADE_STABLE)
        .scalar_subquery()
    )
    of_build = (BuildRow.service == ReleaseRow.service) & (BuildRow.digest == ReleaseRow.digest)
    return (
        select(
            ReleaseRow.id,
            ReleaseRow.service,
            ReleaseRow.state,
            ReleaseRow.created_at,
            ReleaseRow.ended_at,
            ReleaseRow.traffic_at,
            ReleaseRow.decided_at,
            made_stable_at.label("made_stable_at"),
            BuildRow.first_seen_at,
            ReleaseRow.id.in_(firsts).label("is_first_of_build"),
            BuildRow.known_bad_reason.is_not(None).label("is_known_bad"),
        )
        .join(BuildRow, of_build, isouter=True)
        .where(of_service)
    )
