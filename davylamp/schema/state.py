"""state_of: what a database's schema is like, and where a change of it stopped and why."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from davylamp.schema.backfill.model import BackfillState, Progress
from davylamp.schema.backfill.record import read_record
from davylamp.schema.backfill.run import lease_of
from davylamp.schema.control import control_version
from davylamp.schema.database import Db, TargetDatabase
from davylamp.schema.dual_write import installed_dual_writes
from davylamp.schema.history import version_of
from davylamp.schema.phases import Phase
from davylamp.schema.quarantine_record import Quarantine, read_quarantines
from davylamp.schema.revision import DualWrite, Revision

_REVISIONS = """
SELECT id, phase, state, statements, done, reason, started_at, ended_at
FROM davylamp.revisions ORDER BY started_at
"""
_DONE = ("applied", "adopted")


@dataclass(frozen=True)
class RevisionState:
    """One revision as the control table has it."""

    id: str
    phase: Phase
    state: str
    """running, failed, applied or adopted (Alembic had run it before us)."""
    statements: int
    done: int
    reason: str
    started_at: datetime
    ended_at: datetime | None


@dataclass(frozen=True)
class BackfillStanding:
    """A backfill, and whether somebody is at work on it."""

    progress: Progress
    wanted: str
    holder: str
    """Who holds its lease; empty: nobody."""
    reason: str


@dataclass(frozen=True)
class SchemaState:
    """A database's schema at one moment."""

    database: str
    revision: str
    """As `alembic_version` has it; empty before the first."""
    phase: Phase
    """Of the change that is under way; NONE when none is."""
    revisions: tuple[RevisionState, ...] = ()
    pending: tuple[str, ...] = ()
    """Of the given history, those not run here."""
    backfills: tuple[BackfillStanding, ...] = ()
    dual_writes: tuple[DualWrite, ...] = ()
    quarantines: tuple[Quarantine, ...] = ()
    holder: str = ""
    """Who is changing the schema; empty: nobody."""
    stopped: str = ""
    """Where it stopped and why; empty when it didn't."""


def state_of(database: TargetDatabase, history: Sequence[Revision] = ()) -> SchemaState:
    """Read only. A database that was never touched has an empty state."""
    with database.connect("state") as db:
        name = database.name or str(db.info.dbname)
        if control_version(db) == 0:
            pending = tuple(one.id for one in history)
            return SchemaState(name, version_of(db), Phase.NONE, pending=pending)
        revisions = _revisions(db)
        backfills = _backfills(db)
        quarantines = read_quarantines(db)
        holder = _holder(db, "revisions")
        done = {one.id for one in revisions if one.state in _DONE}
        return SchemaState(
            name,
            version_of(db),
            _phase(revisions, backfills, quarantines),
            revisions,
            tuple(one.id for one in history if one.id not in done),
            backfills,
            installed_dual_writes(db),
            quarantines,
            holder,
            _stopped(revisions, backfills, quarantines, holder),
        )


def _revisions(db: Db) -> tuple[RevisionState, ...]:
    return tuple(RevisionState(row[0], Phase(row[1]), *row[2:]) for row in db.execute(_REVISIONS))


def _backfills(db: Db) -> tuple[BackfillStanding, ...]:
    found: list[BackfillStanding] = []
    for (backfill,) in db.execute(
        "SELECT id FROM davylamp.backfills ORDER BY started_at"
    ).fetchall():
        record = read_record(db, backfill)
        if record is not None:
            holder = _holder(db, lease_of(backfill))
            found.append(BackfillStanding(record.progress(), record.wanted, holder, record.reason))
    return tuple(found)


def _holder(db: Db, lease: str) -> str:
    row = db.execute(
        "SELECT holder FROM davylamp.leases WHERE name = %s AND expires_at > clock_timestamp()",
        [lease],
    ).fetchone()
    return str(row[0]) if row else ""


def _phase(
    revisions: Sequence[RevisionState],
    backfills: Sequence[BackfillStanding],
    quarantines: Sequence[Quarantine],
) -> Phase:
    for one in revisions:
        if one.state not in _DONE:
            return one.phase
    if any(one.has_rights_taken for one in quarantines):
        return Phase.CONTRACT
    if any(one.progress.state is not BackfillState.DONE for one in backfills):
        return Phase.MIGRATE
    return Phase.NONE


def _stopped(
    revisions: Sequence[RevisionState],
    backfills: Sequence[BackfillStanding],
    quarantines: Sequence[Quarantine],
    holder: str,
) -> str:
    """The first thing that nobody is at work on and that isn't done."""
    for one in backfills:
        if one.progress.state is not BackfillState.DONE and not one.holder:
            why = one.reason or "its worker is gone"
            return (
                f"backfill {one.progress.backfill} at {one.progress.rows_done} rows "
                f"({one.progress.state}): {why}"
            )
    for one in revisions:
        if one.state not in _DONE and not holder:
            why = one.reason or "its worker is gone"
            return f"revision {one.id} after {one.done} of {one.statements} statements: {why}"
    for one in quarantines:
        if one.is_abandoned:
            return f"quarantine of {one.id}: nobody watches it; its rights are to be given back"
    return ""
