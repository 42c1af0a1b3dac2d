"""The control rows of quarantines."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from enum import StrEnum

from psycopg.types.json import Jsonb

from davylamp.schema.control import control_version
from davylamp.schema.database import Db
from davylamp.schema.quarantine_rights import Grant, Held, extend_rights, give_rights

_READ = """
SELECT schema_name, table_name, column_name, roles, saved, state, reason, began_at, until,
       watched_until, clock_timestamp(), rollbacks_before
FROM davylamp.quarantines
"""


class QuarantineState(StrEnum):
    OPEN = "open"
    """The rights are taken."""
    GIVEN_BACK = "given_back"
    """Somebody missed them, nobody watched, or it was ended by hand."""
    PASSED = "passed"
    """Nobody missed them in time. They are still taken: the column is to be dropped."""
    DROPPED = "dropped"
    """The column is gone."""


@dataclass(frozen=True)
class Quarantine:
    """One column, its rights taken to see whether anybody misses them."""

    held: Held
    roles: tuple[str, ...]
    saved: tuple[Grant, ...]
    state: QuarantineState
    reason: str
    began_at: datetime
    until: datetime
    watched_until: datetime
    now: datetime
    """By the database's clock, when this was read."""
    rollbacks_before: int

    @property
    def id(self) -> str:
        return self.held.id

    @property
    def has_rights_taken(self) -> bool:
        return self.state in (QuarantineState.OPEN, QuarantineState.PASSED)

    @property
    def is_abandoned(self) -> bool:
        """Its watcher is gone: an error would not be seen."""
        return self.state is QuarantineState.OPEN and self.watched_until < self.now


def read_quarantines(db: Db) -> tuple[Quarantine, ...]:
    if control_version(db) == 0:
        return ()
    return tuple(
        Quarantine(
            Held(*row[:3]),
            tuple(row[3]),
            tuple(Grant(**one) for one in row[4]),
            QuarantineState(row[5]),
            *row[6:],
        )
        for row in db.execute(_READ + " ORDER BY id")
    )


def read_quarantine(db: Db, held: Held) -> Quarantine | None:
    return next((one for one in read_quarantines(db) if one.id == held.id), None)


def write_quarantine(
    db: Db,
    held: Held,
    roles: Sequence[str],
    saved: Sequence[Grant],
    seconds: float,
    watch_seconds: float,
) -> None:
    """Open it, or open it again. Within the transaction that takes the rights."""
    db.execute(
        """
        INSERT INTO davylamp.quarantines (id, schema_name, table_name, column_name, roles, saved,
            state, until, watched_until, rollbacks_before)
        SELECT %(id)s, %(schema)s, %(table)s, %(column)s, %(roles)s, %(saved)s, 'open',
               clock_timestamp() + make_interval(secs => %(seconds)s),
               clock_timestamp() + make_interval(secs => %(watch)s),
               (SELECT xact_rollback FROM pg_stat_database WHERE datname = current_database())
        ON CONFLICT (id) DO UPDATE SET roles = excluded.roles, saved = excluded.saved,
            state = 'open', reason = '', began_at = clock_timestamp(), until = excluded.until,
            watched_until = excluded.watched_until, ended_at = NULL,
            rollbacks_before = excluded.rollbacks_before
        """,
        {
            "id": held.id,
            **asdict(held),
            "roles": list(roles),
            "saved": Jsonb([asdict(one) for one in saved]),
            "seconds": seconds,
            "watch": watch_seconds,
        },
    )


def set_quarantine(db: Db, held: Held, state: QuarantineState, reason: str = "") -> None:
    db.execute(
        "UPDATE davylamp.quarantines SET state = %s, reason = %s, ended_at = clock_timestamp() "
        "WHERE id = %s",
        [state.value, reason[:2000], held.id],
    )


def lock_quarantine(db: Db, held: Held) -> Quarantine | None:
    """Read it, and let nobody else change it until this transaction ends."""
    db.execute("SELECT 1 FROM davylamp.quarantines WHERE id = %s FOR UPDATE", [held.id])
    return read_quarantine(db, held)


def extend_open_quarantines(db: Db) -> None:
    """After the shape changed: a column that was added is granted as its table was."""
    for one in read_quarantines(db):
        if one.has_rights_taken:
            extend_rights(db, one.held, one.saved)


def end_by_drop(db: Db, quarantine: Quarantine) -> None:
    """The table's other rights become what they were, in the transaction that drops the column."""
    give_rights(db, quarantine.held, quarantine.saved)
    set_quarantine(db, quarantine.held, QuarantineState.DROPPED, "the column was dropped")
