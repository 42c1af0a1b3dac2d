"""The record of schema change: revisions, what happened to them, how far it has come.

What a database is like now is in the database; here is what was done, by whom, and when.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, delete, func, select
from sqlalchemy.dialects.postgresql import insert

from davylamp.ledger.models import (
    MigrationStateRow,
    RevisionRow,
    SchemaEventRow,
)


@dataclass(frozen=True)
class KnownRevision:
    """A revision of a database, as a build brought it. Documents are JSON."""

    database: str
    revision: str
    down_revision: str | None
    phase: str
    sha256: str
    drops: Sequence[Mapping[str, str]] = ()
    """`kind`, `schema`, `table`, `column` of each thing it takes."""
    dual_write: Mapping[str, str] | None = None
    brought_by: str = ""
    """The build that brought it first."""


def note_revisions(db: Connection, revisions: Sequence[KnownRevision]) -> list[str]:
    """Remember revisions; the first that brings one has it. Returns what is wrong, in words:
    those that are known with another content, or after another revision."""
    wrong: list[str] = []
    for one in sorted(revisions, key=lambda r: (r.database, r.revision)):
        values = {
            "database": one.database,
            "revision": one.revision,
            "down_revision": one.down_revision,
            "phase": one.phase,
            "sha256": one.sha256,
            "drops": {"drops": [dict(drop) for drop in one.drops]},
            "dual_write": dict(one.dual_write or {}),
            "brought_by": one.brought_by,
        }
        db.execute(insert(RevisionRow).values(values).on_conflict_do_nothing())
        known = known_revision(db, one.database, one.revision)
        if known is not None and known.sha256 != one.sha256:
            wrong.append(
                f"revision {one.revision} of {one.database} was {known.sha256[:12]} when "
                f"{known.brought_by or 'it was first seen'} brought it and is {one.sha256[:12]} "
                "now: a revision is never edited; add a new one"
            )
    return wrong


def forget_revisions(db: Connection, database: str, revisions: Collection[str]) -> None:
    """Forget revisions that never ran: their build was refused, and the next has others."""
    if revisions:
        db.execute(
            delete(RevisionRow).where(
                RevisionRow.database == database, RevisionRow.revision.in_(revisions)
            )
        )


def revisions_of(db: Connection, database: str) -> list[KnownRevision]:
    """All that were ever seen of a database, as they were seen; `lineage_of` orders them."""
    query = select(RevisionRow).where(RevisionRow.database == database)
    ordered = query.order_by(RevisionRow.first_seen_at, RevisionRow.revision)
    return [_revision(row) for row in db.execute(ordered)]


def known_revision(db: Connection, database: str, revision: str) -> KnownRevision | None:
    query = select(RevisionRow).where(
        RevisionRow.database == database, RevisionRow.revision == revision
    )
    row = db.execute(query).first()
    return _revision(row) if row else None


@dataclass(frozen=True)
class SchemaEvent:
    """One thing that happened to a database's schema."""

    id: int
    database: str
    revision: str
    at: datetime
    by: str
    kind: str
    message: str
    data: Mapping[str, Any]


def append_schema_event(
    db: Connection,
    database: str,
    kind: str,
    message: str,
    *,
    by: str,
    revision: str = "",
    data: Mapping[str, Any] | None = None,
) -> None:
    values = {
        "database": database,
        "revision": revision,
        "kind": kind,
        "message": message,
        "by": by,
        "data": dict(data or {}),
    }
    db.execute(insert(SchemaEventRow).values(values))


def schema_events(
    db: Connection, database: str, *, revision: str = "", kind: str = "", limit: int = 200
) -> list[SchemaEvent]:
    """The newest `limit` of them, oldest first; of one revision or kind when named."""
    query = select(SchemaEventRow).where(SchemaEventRow.database == database)
    if revision:
        query = query.where(SchemaEventRow.revision == revision)
    if kind:
        query = query.where(SchemaEventRow.kind == kind)
    rows = db.execute(query.order_by(SchemaEventRow.id.desc()).limit(limit)).all()
    return [SchemaEvent(**row._mapping) for row in reversed(rows)]  # pyright: ignore[reportPrivateUsage]


QUARANTINE, CONTRACTED, CONTRACT_STOPPED = "quarantine", "contracted", "contract_stopped"
GIVEN_BACK = "quarantine_given_back"
"""Kinds of events: rights are about to be taken; the drop is done; it isn't, and they were given
back, but for those in `rights_left`; the same, by somebody who found them left behind."""


def open_quarantines(db: Connection) -> set[str]:
    """Databases in which, for all that was written down, somebody's rights may be taken."""
    kinds = (QUARANTINE, CONTRACTED, CONTRACT_STOPPED, GIVEN_BACK)
    query = (
        select(SchemaEventRow.database, SchemaEventRow.kind, SchemaEventRow.data)
        .distinct(SchemaEventRow.database)
        .where(SchemaEventRow.kind.in_(kinds))
        .order_by(SchemaEventRow.database, SchemaEventRow.id.desc())
    )
    return {
        row.database
        for row in db.execute(query)
        if row.kind == QUARANTINE or row.data.get("rights_left")
    }


@dataclass(frozen=True)
class MigrationState:
    """A database's schema change as it was last seen."""

    database: str
    present: str
    document: Mapping[str, Any]
    updated_at: datetime


def mirror_state(db: Connection, database: str, present: str, document: Mapping[str, Any]) -> None:
    """Keep what was just seen of a database, for those who can't ask it."""
    values = {"present": present, "document": dict(document), "updated_at": func.clock_timestamp()}
    query = insert(MigrationStateRow).values(database=database, **values)
    db.execute(query.on_conflict_do_update(index_elements=["database"], set_=values))


def mirrored_states(db: Connection) -> dict[str, MigrationState]:
    rows = db.execute(select(MigrationStateRow).order_by(MigrationStateRow.database))
    return {row.database: MigrationState(**row._mapping) for row in rows}  # pyright: ignore[reportPrivateUsage]


def _revision(row: Any) -> KnownRevision:
    return KnownRevision(
        database=row.database,
        revision=row.revision,
        down_revision=row.down_revision,
        phase=row.phase,
        sha256=row.sha256,
        drops=tuple(row.drops.get("drops", ())),
        dual_write=row.dual_write or None,
        brought_by=row.brought_by,
    )
