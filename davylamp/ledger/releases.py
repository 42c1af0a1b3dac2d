"""Releases: opening one, moving it from state to state, ending it. Every change is an event."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, func, insert, select, text, update
from sqlalchemy.exc import IntegrityError

from davylamp.errors import BadInput, FencedOff, Refused
from davylamp.ledger.models import EventRow, ReleaseRow, ReleaseState, ServiceRow

DATABASE_NOW = func.clock_timestamp()
"""The database's clock, evaluated where a row is written."""


@dataclass(frozen=True)
class Release:
    """One attempt to move a service from its stable build to a candidate, as recorded."""

    id: int
    service: str
    image: str
    state: ReleaseState
    reason: str
    plan: Mapping[str, Any]
    entry: Mapping[str, Any]
    step: int
    seed: int
    requested_by: str
    run_id: str
    created_at: datetime
    digest: str | None = None
    version: str | None = None
    stable_digest: str | None = None
    wish: str | None = None
    wish_by: str | None = None
    wish_reason: str | None = None
    ended_at: datetime | None = None
    decided_at: datetime | None = None
    decided_end: str | None = None
    traffic_at: datetime | None = None
    figures: Mapping[str, Any] | None = None
    override_reason: str | None = None
    """Why an operator goes to an older build although it may not read every row."""


def open_release(
    db: Connection,
    *,
    service: str,
    image: str,
    plan: Mapping[str, Any],
    entry: Mapping[str, Any],
    seed: int,
    requested_by: str,
    run_id: str = "",
    override_reason: str | None = None,
) -> Release:
    """Begin a release. Raises `Refused` when the service is already being released."""
    stable = select(ServiceRow.stable_digest).where(ServiceRow.name == service).scalar_subquery()
    values = {
        "service": service,
        "image": image,
        "plan": dict(plan),
        "entry": dict(entry),
        "seed": seed,
        "requested_by": requested_by,
        "run_id": run_id,
        "stable_digest": stable,
        "override_reason": override_reason,
        "state": ReleaseState.VERIFYING,
    }
    try:
        with db.begin_nested():
            row = db.execute(insert(ReleaseRow).values(values).returning(ReleaseRow)).one()
    except IntegrityError as error:
        running = active_release(db, service)
        which = f"release {running.id} ({running.image}, {running.state})" if running else "another"
        raise Refused(
            f"{service} is already being released by {which}: wait for it, "
            f"or end it with `davylamp rollback {service}`"
        ) from error
    release = _release(row)
    append_event(db, release.id, "opened", f"{requested_by} asked for {image}", {"run_id": run_id})
    return release


def get_release(db: Connection, release_id: int) -> Release:
    row = db.execute(select(ReleaseRow).where(ReleaseRow.id == release_id)).first()
    if row is None:
        raise BadInput(f"the ledger has no release {release_id}; `davylamp status` lists them")
    return _release(row)


def lock_release(db: Connection, release_id: int) -> Release:
    """The release, its row locked until the transaction ends. Raises `FencedOff` when it has
    ended."""
    row = db.execute(select(ReleaseRow).where(ReleaseRow.id == release_id).with_for_update())
    release = _release(row.one())
    if release.state.is_end:
        raise FencedOff(f"release {release_id} has ended as {release.state}: {release.reason}")
    return release


def active_release(db: Connection, service: str) -> Release | None:
    query = select(ReleaseRow).where(ReleaseRow.service == service, ReleaseRow.ended_at.is_(None))
    row = db.execute(query).first()
    return _release(row) if row else None


def release_of_build(db: Connection, service: str, digest: str) -> Release | None:
    """The newest release in which a build had its chance, or has it now.

    Not one that was refused (no user can have met it) or abandoned (nothing was learnt).
    """
    no_chance = (ReleaseState.REFUSED, ReleaseState.ABANDONED)
    query = (
        select(ReleaseRow)
        .where(
            ReleaseRow.service == service,
            ReleaseRow.digest == digest,
            ReleaseRow.state.not_in(no_chance),
        )
        .order_by(ReleaseRow.id.desc())
        .limit(1)
    )
    row = db.execute(query).first()
    return _release(row) if row else None


def active_releases(db: Connection) -> list[Release]:
    query = select(ReleaseRow).where(ReleaseRow.ended_at.is_(None)).order_by(ReleaseRow.id)
    return [_release(row) for row in db.execute(query)]


def recent_releases(db: Connection, service: str = "", limit: int = 20) -> list[Release]:
    """Newest first; of one service when named."""
    query = select(ReleaseRow).order_by(ReleaseRow.id.desc()).limit(limit)
    if service:
        query = query.where(ReleaseRow.service == service)
    return [_release(row) for row in db.execute(query)]


def update_release(
    db: Connection, release_id: int, kind: str, message: str, **columns: Any
) -> Release:
    """Change an active release and append the event that says why, in one transaction.

    Raises `FencedOff` when the release has ended, or when it is being taken back and this would
    move it anywhere but to its end: whoever decided that has the last word.
    """
    data = {k: v for k, v in columns.items() if not isinstance(v, ColumnElement)}
    if "state" in columns:
        columns["reason"] = message
    mine = (ReleaseRow.id == release_id) & ReleaseRow.ended_at.is_(None)
    if "state" in columns and not ReleaseState(columns["state"]).is_end:
        mine &= ReleaseRow.state != ReleaseState.ROLLING_BACK
    query = update(ReleaseRow).where(mine).values(columns).returning(ReleaseRow)
    row = db.execute(query).first()
    if row is None:
        found = get_release(db, release_id)
        how = f"has ended as {found.state}" if found.state.is_end else "is being taken back"
        raise FencedOff(f"release {release_id} {how}: {found.reason}")
    append_event(db, release_id, kind, message, data)
    return _release(row)


def end_release(db: Connection, release_id: int, state: ReleaseState, reason: str) -> Release:
    """The last change of a release. A reason given when it was decided is kept in the event."""
    return update_release(db, release_id, str(state), reason, state=state, ended_at=DATABASE_NOW)


def note_traffic(db: Connection, release_id: int) -> None:
    """Users meet the candidate from now on."""
    update_release(db, release_id, "traffic", "users meet the candidate", traffic_at=DATABASE_NOW)


def note_decision(db: Connection, release_id: int, reason: str, end: ReleaseState) -> None:
    """The roll-back is decided, and about to be carried out; `end` is how it shall end."""
    state = ReleaseState.ROLLING_BACK
    update_release(
        db,
        release_id,
        "rolling_back",
        reason,
        state=state,
        decided_at=DATABASE_NOW,
        decided_end=end,
    )


def wish(db: Connection, service: str, what: str, by: str, why: str) -> Release:
    """Record what an operator wants of the active release; its run obeys at the next tick."""
    running = active_release(db, service)
    if running is None:
        raise Refused(f"{service} has no active release to {what}; `davylamp status` shows why")
    return update_release(
        db,
        running.id,
        "wish",
        f"{by} wishes to {what}: {why or 'no reason given'}",
        wish=what,
        wish_by=by,
        wish_reason=why,
    )


def append_event(
    db: Connection, release_id: int, kind: str, message: str, data: Mapping[str, Any] | None = None
) -> None:
    values = {
        "release_id": release_id,
        "kind": kind,
        "message": message,
        "data": dict(data or {}),
    }
    db.execute(insert(EventRow).values(values))


@dataclass(frozen=True)
class Event:
    id: int
    release_id: int
    at: datetime
    kind: str
    message: str
    data: Mapping[str, Any]


def events_of(db: Connection, release_id: int, after: int = 0) -> list[Event]:
    """Oldest first; only those with a higher id than `after`."""
    query = (
        select(EventRow)
        .where(EventRow.release_id == release_id, EventRow.id > after)
        .order_by(EventRow.id)
    )
    return [Event(**row._mapping) for row in db.execute(query)]  # pyright: ignore[reportPrivateUsage]


def database_now(db: Connection) -> datetime:
    """The database's clock: the only one leases go by."""
    return db.execute(text("SELECT clock_timestamp()")).scalar_one()


def _release(row: Any) -> Release:
    values: dict[str, Any] = dict(row._mapping)
    values["state"] = ReleaseState(values["state"])
    return Release(**values)
