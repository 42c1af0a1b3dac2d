"""Count the rows that are not migrated: in pieces, so that no snapshot is held for long."""

from __future__ import annotations

from collections.abc import Callable

from psycopg import sql

from davylamp.schema.backfill.batch import Walk
from davylamp.schema.database import Db

_PIECE = 100_000
_COUNT = """
SELECT key::text, number, bad FROM (
    SELECT key, row_number() OVER () AS number,
           count(*) FILTER (WHERE unmigrated) OVER () AS bad
    FROM (SELECT t.{key} AS key, {unmigrated} AS unmigrated FROM {table} t WHERE {range}
          ORDER BY t.{key} LIMIT {rows}) piece
) numbered ORDER BY number DESC LIMIT 1
"""
_SAMPLE = "SELECT t.{key}::text FROM {table} t WHERE {unmigrated} ORDER BY t.{key} LIMIT 5"


def count_unmigrated(
    db: Db, walk: Walk, on_piece: Callable[[int], None] = lambda rows: None, rows: int = _PIECE
) -> int:
    """Rows whose two sides contradict each other. No lock is taken that anybody waits for.

    Right although rows change meanwhile: the dual write is in place, so none becomes unmigrated.
    """
    found, after = 0, None
    while True:
        query = sql.SQL(_COUNT).format(
            key=walk.key,
            table=walk.table,
            unmigrated=walk.unmigrated,
            range=walk.between(after, None),
            rows=rows,
        )
        row = db.execute(query).fetchone()
        if row is None:
            return found
        after, found = str(row[0]), found + int(row[2])
        on_piece(int(row[1]))


def sample_unmigrated(db: Db, walk: Walk) -> tuple[str, ...]:
    """Keys of a few of them."""
    parts = {"key": walk.key, "table": walk.table, "unmigrated": walk.unmigrated}
    return tuple(str(row[0]) for row in db.execute(sql.SQL(_SAMPLE).format(**parts)))
