"""The control row of a backfill: made once, its upper key frozen; then only moved on."""

from __future__ import annotations

from dataclasses import dataclass

from psycopg import sql

from davylamp.schema.backfill.model import BackfillState, Progress
from davylamp.schema.control import note_step
from davylamp.schema.database import Db
from davylamp.schema.dual_names import id_of, table_of
from davylamp.schema.lease import Lease
from davylamp.schema.revision import DualWrite

_READ = """
SELECT state, wanted, cursor, upper, pass, rows_done, rows_changed, rows_estimated, batches,
       batch_rows, rows_per_second, reason
FROM davylamp.backfills WHERE id = %s
"""
_ADVANCE = """
UPDATE davylamp.backfills SET cursor = %(cursor)s, rows_done = rows_done + %(rows)s,
    rows_changed = rows_changed + %(changed)s, batches = batches + 1, batch_rows = %(rows)s,
    rows_per_second = %(rate)s, fence = %(fence)s, state = 'running', reason = '',
    updated_at = clock_timestamp()
WHERE id = %(id)s
"""
_ESTIMATE = """
SELECT coalesce(sum(c.reltuples) FILTER (WHERE c.reltuples > 0), 0)::bigint
FROM (SELECT to_regclass(%(table)s) AS relid UNION SELECT relid
      FROM pg_partition_tree(to_regclass(%(table)s))) p JOIN pg_class c ON c.oid = p.relid
WHERE c.relkind = 'r'
"""
_COUNTED_BELOW = 100_000
"""An estimate smaller than this is replaced by the count, which takes no time then."""


@dataclass(frozen=True)
class Record:
    """A backfill's control row."""

    id: str
    state: BackfillState
    wanted: str
    """run, pause or stop: what somebody asked for."""
    cursor: str | None
    """Key up to which (and with which) rows are migrated, as text; None before the first batch."""
    upper: str | None
    """The largest key there was at the beginning; None for an empty table."""
    pass_number: int
    rows_done: int
    rows_changed: int
    rows_estimated: int
    batches: int
    batch_rows: int
    rows_per_second: float
    reason: str

    def progress(self, batch_ms: float = 0.0, waiting_for: str = "") -> Progress:
        return Progress(
            self.id,
            self.state,
            self.rows_done,
            self.rows_changed,
            self.rows_estimated,
            self.batches,
            self.batch_rows,
            batch_ms,
            self.rows_per_second,
            waiting_for or self.reason,
        )


def read_record(db: Db, backfill: str) -> Record | None:
    row = db.execute(_READ, [backfill]).fetchone()
    return Record(backfill, BackfillState(row[0]), *row[1:]) if row else None


def open_record(db: Db, lease: Lease, dual_write: DualWrite) -> Record:
    """The control row, made if there is none. The dual write has to be in place before."""
    backfill = id_of(dual_write)
    with db.transaction():
        lease.hold(db)
        found = read_record(db, backfill)
        if found is None:
            db.execute(
                "INSERT INTO davylamp.backfills (id, state, upper, rows_estimated, fence) "
                "VALUES (%s, 'running', %s, %s, %s)",
                [backfill, upper_key(db, dual_write), _estimate(db, dual_write), lease.fence],
            )
            note_step(db, backfill, "backfill begun")
        else:
            db.execute(
                "UPDATE davylamp.backfills SET fence = %s, "
                "wanted = CASE wanted WHEN 'stop' THEN 'run' ELSE wanted END WHERE id = %s",
                [lease.fence, backfill],
            )
        record = read_record(db, backfill)
    assert record is not None
    return record


def begin_pass(db: Db, lease: Lease, dual_write: DualWrite) -> None:
    """Start over, up to what is the largest key now."""
    with db.transaction():
        lease.hold(db)
        db.execute(
            "UPDATE davylamp.backfills SET state = 'running', cursor = NULL, upper = %s, "
            "pass = pass + 1 WHERE id = %s",
            [upper_key(db, dual_write), id_of(dual_write)],
        )
        note_step(db, id_of(dual_write), "backfill starts over")


def advance(
    db: Db, lease: Lease, backfill: str, cursor: str, rows: int, changed: int, rate: float
) -> None:
    """Within the batch's own transaction."""
    given = {"cursor": cursor, "rows": rows, "changed": changed, "rate": rate}
    db.execute(_ADVANCE, given | {"fence": lease.fence, "id": backfill})


def set_state(db: Db, lease: Lease, backfill: str, state: BackfillState, reason: str = "") -> None:
    with db.transaction():
        lease.hold(db)
        ended = state is BackfillState.DONE
        db.execute(
            "UPDATE davylamp.backfills SET state = %s, reason = %s, updated_at = "
            "clock_timestamp(), ended_at = CASE WHEN %s THEN clock_timestamp() END WHERE id = %s",
            [state.value, reason[:2000], ended, backfill],
        )
        note_step(db, backfill, f"backfill {state}", reason)


def upper_key(db: Db, dual_write: DualWrite) -> str | None:
    key = sql.Identifier(dual_write.key)
    query = sql.SQL("SELECT t.{}::text FROM {} t ORDER BY t.{} DESC LIMIT 1")
    row = db.execute(query.format(key, table_of(dual_write), key)).fetchone()
    return str(row[0]) if row else None


def _estimate(db: Db, dual_write: DualWrite) -> int:
    row = db.execute(_ESTIMATE, {"table": table_of(dual_write).as_string(db)}).fetchone()
    if row and row[0] >= _COUNTED_BELOW:
        return int(row[0])
    count = sql.SQL("SELECT count(*) FROM (SELECT FROM {} LIMIT 1000000) t").format(
        table_of(dual_write)
    )
    counted = db.execute(count).fetchone()
    return int(counted[0]) if counted else 0
