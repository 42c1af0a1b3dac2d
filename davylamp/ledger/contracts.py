"""Drops, in the record: who approved them, and which builds they ended."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, select
from sqlalchemy.dialects.postgresql import insert

from davylamp.errors import Refused
from davylamp.ledger.models import ApprovalRow, NoReturnRow
from davylamp.ledger.schema import append_schema_event, known_revision


@dataclass(frozen=True)
class NoReturn:
    """A point of no return, and the builds (`service`, `version`, `digest`) it ended."""

    database: str
    revision: str
    at: datetime
    by: str
    builds: Sequence[Mapping[str, str]]


def note_no_return(
    db: Connection, database: str, revision: str, builds: Sequence[Mapping[str, str]], by: str
) -> NoReturn:
    """Write down, before the drop, which builds it ends. Written once: whoever comes later finds
    the first."""
    values = {
        "database": database,
        "revision": revision,
        "by": by,
        "builds": {"builds": [dict(build) for build in builds]},
    }
    db.execute(insert(NoReturnRow).values(values).on_conflict_do_nothing())
    return next(n for n in points_of_no_return(db, database) if n.revision == revision)


def points_of_no_return(db: Connection, database: str = "") -> list[NoReturn]:
    """Oldest first; of one database when named."""
    query = select(NoReturnRow).order_by(NoReturnRow.at)
    if database:
        query = query.where(NoReturnRow.database == database)
    return [
        NoReturn(row.database, row.revision, row.at, row.by, row.builds["builds"])
        for row in db.execute(query)
    ]


@dataclass(frozen=True)
class Approval:
    """Somebody's yes to a contract revision as it was then."""

    id: int
    database: str
    revision: str
    sha256: str
    at: datetime
    by: str
    why: str


def approve_contract(db: Connection, database: str, revision: str, by: str, why: str) -> Approval:
    """Say yes to a contract revision. Raises `Refused` for one that isn't known or is none."""
    known = known_revision(db, database, revision)
    if known is None:
        raise Refused(
            f"no build has brought a revision {revision} of {database}: release the build that "
            f"brings it first; `davylamp schema status {database}` lists those there are"
        )
    if known.phase != "contract":
        raise Refused(f"revision {revision} of {database} is {known.phase}: it needs no approval")
    values = {
        "database": database,
        "revision": revision,
        "sha256": known.sha256,
        "by": by,
        "why": why,
    }
    row = db.execute(insert(ApprovalRow).values(values).returning(ApprovalRow)).one()
    append_schema_event(
        db, database, "approved", f"{by} approved it: {why}", by=by, revision=revision
    )
    return Approval(**row._mapping)  # pyright: ignore[reportPrivateUsage]


def approval_of(db: Connection, database: str, revision: str) -> Approval | None:
    """The newest approval that was for the revision as it is known."""
    known = known_revision(db, database, revision)
    if known is None:
        return None
    query = (
        select(ApprovalRow)
        .where(
            ApprovalRow.database == database,
            ApprovalRow.revision == revision,
            ApprovalRow.sha256 == known.sha256,
        )
        .order_by(ApprovalRow.id.desc())
        .limit(1)
    )
    row = db.execute(query).first()
    return Approval(**row._mapping) if row else None  # pyright: ignore[reportPrivateUsage]
