"""Which of a history's revisions are still to be run here; whether what ran is what is there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from davylamp.errors import Refused
from davylamp.schema.control import note_step
from davylamp.schema.database import Db
from davylamp.schema.revision import Revision

_DONE = ("applied", "adopted")


@dataclass(frozen=True)
class Recorded:
    """A revision as the control table has it."""

    id: str
    sha256: str
    state: str
    done: int
    """Statements carried out."""
    entered: int

    @property
    def is_done(self) -> bool:
        return self.state in _DONE


def read_recorded(db: Db) -> dict[str, Recorded]:
    rows = db.execute("SELECT id, sha256, state, done, entered FROM davylamp.revisions")
    return {row[0]: Recorded(*row) for row in rows}


def version_of(db: Db) -> str:
    """Alembic's own word on where the database is; empty before the first revision."""
    found = db.execute("SELECT to_regclass('alembic_version') IS NOT NULL").fetchone()
    if not found or not found[0]:
        return ""
    rows = db.execute("SELECT version_num FROM alembic_version ORDER BY 1").fetchall()
    if len(rows) > 1:
        heads = ", ".join(str(row[0]) for row in rows)
        raise Refused(f"alembic_version has two heads ({heads}): leave one row in it")
    return str(rows[0][0]) if rows else ""


def write_version(db: Db, revision: str) -> None:
    """Within the transaction that finishes the revision."""
    db.execute(
        "CREATE TABLE IF NOT EXISTS alembic_version (version_num varchar(32) NOT NULL, "
        "CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num))"
    )
    if db.execute("UPDATE alembic_version SET version_num = %s", [revision]).rowcount == 0:
        db.execute("INSERT INTO alembic_version VALUES (%s)", [revision])


def pending_here(db: Db, ordered: Sequence[Revision]) -> tuple[Revision, ...]:
    """Those not done yet, oldest first, after what Alembic did before us was taken over.

    Raises `Refused` when one was edited after it ran, or when the database is on another line
    of history.
    """
    _adopt(db, ordered)
    recorded = read_recorded(db)
    check_unedited(recorded, ordered)
    pending = tuple(
        one for one in ordered if one.id not in recorded or not recorded[one.id].is_done
    )
    known = {one.id for one in ordered}
    ahead = [one.id for one in recorded.values() if one.is_done and one.id not in known]
    if pending and ahead:
        raise Refused(
            f"the database has {', '.join(sorted(ahead))}, which this history doesn't, and lacks "
            f"{', '.join(one.id for one in pending)}: two lines of history; bring them into one "
            "and build again"
        )
    _check_version(db, ordered, recorded)
    return pending


def check_unedited(recorded: Mapping[str, Recorded], revisions: Sequence[Revision]) -> None:
    """Raises `Refused` naming a revision whose file changed after (part of) it ran."""
    for one in revisions:
        ran = recorded.get(one.id)
        if ran and ran.sha256 != one.sha256 and (ran.is_done or ran.done or ran.entered):
            raise Refused(
                f"revision {one.id} was edited after it ran: {one.file} has sha256 "
                f"{one.sha256[:12]}…, what ran had {ran.sha256[:12]}…; restore the file, and "
                "write what has to change into a new revision"
            )


def _adopt(db: Db, ordered: Sequence[Revision]) -> None:
    """Take over what Alembic itself ran, as `alembic_version` tells it."""
    version = version_of(db)
    recorded = read_recorded(db)
    ids = [one.id for one in ordered]
    if not version or version in recorded:
        return
    if version not in ids:
        raise Refused(
            f"the database is at revision {version}, which this history doesn't have: it is of a "
            "newer build, or of another service; use the history that has it"
        )
    for one in ordered[: ids.index(version) + 1]:
        db.execute(
            "INSERT INTO davylamp.revisions (id, sha256, phase, state, ended_at) "
            "VALUES (%s, %s, %s, 'adopted', clock_timestamp()) ON CONFLICT DO NOTHING",
            [one.id, one.sha256, one.phase.value],
        )
    note_step(db, version, "adopted", "Alembic had run the history up to here")


def _check_version(db: Db, ordered: Sequence[Revision], recorded: Mapping[str, Recorded]) -> None:
    version = version_of(db)
    done = [one.id for one in ordered if one.id in recorded and recorded[one.id].is_done]
    if done and version in done and version != done[-1]:
        raise Refused(
            f"alembic_version says {version}, but {done[-1]} ran here: somebody went back by "
            "hand; bring the table and alembic_version together first"
        )
