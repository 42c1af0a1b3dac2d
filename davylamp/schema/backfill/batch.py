"""One batch: lock the next rows in the key's order, migrate those that aren't, move the cursor;
all in one transaction, so that a crash repeats nothing and skips nothing."""

from __future__ import annotations

import time
from dataclasses import dataclass

from psycopg import sql

from davylamp.schema.backfill.limits import BackfillLimits
from davylamp.schema.backfill.record import Record, advance, read_record
from davylamp.schema.database import Db, apply_settings, plain_sql
from davylamp.schema.dual_names import id_of, search_path_of, sides, table_of
from davylamp.schema.lease import Lease
from davylamp.schema.revision import DualWrite

# The last row's key in the order they were locked: not every type has a max(), and a text's
# max() would compare them all again.
_LOCK = """
SELECT key::text, number FROM (
    SELECT key, row_number() OVER () AS number FROM (
        SELECT t.{key} AS key FROM {table} t WHERE {range} ORDER BY t.{key} LIMIT {rows}
        FOR NO KEY UPDATE
    ) locked
) numbered ORDER BY number DESC LIMIT 1
"""
_CHANGE = "UPDATE {table} t SET {new} = {forward} WHERE {range} AND {unmigrated}"


@dataclass(frozen=True)
class Batch:
    """What one did."""

    record: Record
    """The control row as it is now."""
    rows: int
    """Rows looked at; 0: there are no more."""
    changed: int
    took_ms: float
    """While rows were locked."""


@dataclass(frozen=True)
class Walk:
    """A dual write's table as the backfill walks it: the SQL that is the same for all batches."""

    dual_write: DualWrite
    key: sql.Identifier
    table: sql.Identifier
    forward: sql.Composed
    unmigrated: sql.Composed
    """Which rows (of alias t) are not migrated."""

    @classmethod
    def of(cls, db: Db, dual_write: DualWrite) -> Walk:
        row = sides(db, dual_write, "t")
        return cls(
            dual_write,
            sql.Identifier(dual_write.key),
            table_of(dual_write),
            row.forward,
            row.contradict,
        )

    def between(self, after: str | None, upto: str | None) -> sql.Composed:
        """Rows with a key above `after` and up to `upto`; None is no bound."""
        bounds = [
            sql.SQL("t.{} {} {}").format(self.key, plain_sql(how), value)
            for how, value in ((">", after), ("<=", upto))
            if value is not None
        ]
        return sql.Composed(bounds).join(" AND ") if bounds else sql.Composed([sql.SQL("true")])


def prepare_session(db: Db, dual_write: DualWrite, limits: BackfillLimits) -> None:
    """Names mean what they mean in the trigger; rows are found by the key's index, whatever the
    planner has been told about the table."""
    apply_settings(
        db,
        {
            "search_path": search_path_of(dual_write),
            "lock_timeout": f"{limits.row_lock_seconds * 1000:.0f}",
            # A batch that a crash takes back takes its cursor back too, and what ends the
            # backfill is waited for and comes after all of them. Waiting for each batch's WAL
            # would let the application's commits wait behind it: its p99 doubled.
            "synchronous_commit": "off",
            "enable_seqscan": "off",
            "enable_bitmapscan": "off",
        },
    )


def run_batch(db: Db, lease: Lease, walk: Walk, rows: int, cap_ms: float, rate: float) -> Batch:
    """Migrate the next `rows` rows after the cursor. `cap_ms` bounds how long they are locked."""
    backfill = id_of(walk.dual_write)
    with db.transaction():
        apply_settings(db, {"statement_timeout": f"{max(1.0, cap_ms):.0f}"}, local=True)
        lease.hold(db)
        record = read_record(db, backfill)
        assert record is not None
        if record.wanted != "run" or record.upper is None:
            return Batch(record, 0, 0, 0.0)
        began = time.monotonic()
        last, seen = _lock(db, walk, record, rows)
        if seen == 0:
            return Batch(record, 0, 0, 0.0)
        left = cap_ms - (time.monotonic() - began) * 1000
        apply_settings(db, {"statement_timeout": f"{max(1.0, left):.0f}"}, local=True)
        changed = _change(db, walk, record, last)
        advance(db, lease, backfill, last, seen, changed, rate)
        record = read_record(db, backfill)
        assert record is not None
    return Batch(record, seen, changed, (time.monotonic() - began) * 1000)


def _lock(db: Db, walk: Walk, record: Record, rows: int) -> tuple[str, int]:
    row = db.execute(
        sql.SQL(_LOCK).format(
            key=walk.key,
            table=walk.table,
            range=walk.between(record.cursor, record.upper),
            rows=rows,
        )
    ).fetchone()
    return (str(row[0]), int(row[1])) if row else ("", 0)


def _change(db: Db, walk: Walk, record: Record, last: str) -> int:
    """A statement of its own, whose snapshot sees what the rows became before we had them."""
    return db.execute(
        sql.SQL(_CHANGE).format(
            table=walk.table,
            new=sql.Identifier(walk.dual_write.new),
            forward=walk.forward,
            range=walk.between(record.cursor, last),
            unmigrated=walk.unmigrated,
        )
    ).rowcount
