"""Ask a backfill to pause, to go on or to stop: its worker heeds it between two batches."""

from __future__ import annotations

from enum import StrEnum

from davylamp.errors import BadInput
from davylamp.schema.backfill.record import Record, read_record
from davylamp.schema.control import control_version, note_step
from davylamp.schema.database import TargetDatabase


class Wish(StrEnum):
    RUN = "run"
    PAUSE = "pause"
    STOP = "stop"


def ask_backfill(database: TargetDatabase, backfill: str, wish: Wish) -> Record:
    """Write the wish into its control row. Raises `BadInput` when there is no such backfill."""
    with database.connect("control") as db, db.transaction():
        known = (
            _known(db.execute("SELECT id FROM davylamp.backfills ORDER BY 1").fetchall())
            if (control_version(db))
            else ()
        )
        found = backfill if backfill in known else f"public.{backfill}"
        if found not in known:
            raise BadInput(
                f"{database.label} has no backfill {backfill}; there are: "
                f"{', '.join(known) or 'none'}"
            )
        db.execute("UPDATE davylamp.backfills SET wanted = %s WHERE id = %s", [wish.value, found])
        note_step(db, found, f"asked to {wish}")
        record = read_record(db, found)
    assert record is not None
    return record


def _known(rows: list[tuple[str, ...]]) -> tuple[str, ...]:
    return tuple(row[0] for row in rows)
