"""Count the rows that are not migrated: piece by piece of the table's file, so that no snapshot is
held for long.

A row that moves meanwhile, into a piece that was counted already, was written, and so migrated by
the dual write. None is missed.
"""

from __future__ import annotations

from collections.abc import Iterator

from psycopg import sql

from davylamp.schema.backfill.batch import Walk
from davylamp.schema.database import Db, apply_settings

_PIECE_BLOCKS = 8192
"""64 MiB: a tenth of a second or so."""
_FILES = """
SELECT n.nspname, c.relname, pg_relation_size(c.oid) / current_setting('block_size')::int
FROM (SELECT to_regclass(%(table)s) AS relid UNION SELECT relid
      FROM pg_partition_tree(to_regclass(%(table)s))) p
JOIN pg_class c ON c.oid = p.relid JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind = 'r'
"""
_COUNT = """
SELECT count(*) FROM {table} t
WHERE t.ctid >= {first}::tid AND t.ctid < {last}::tid AND {unmigrated}
"""
_SAMPLE = "SELECT t.{key}::text FROM {table} t WHERE {unmigrated} ORDER BY t.{key} LIMIT 5"


def count_unmigrated(db: Db, walk: Walk, blocks: int = _PIECE_BLOCKS) -> int:
    """Rows whose two sides contradict each other. No lock is taken that anybody waits for."""
    apply_settings(db, {"enable_tidscan": "on"})
    return sum(
        _count(db, walk, table, first, first + blocks)
        for table, size in _files(db, walk)
        for first in range(0, size + 1, blocks)
    )


def sample_unmigrated(db: Db, walk: Walk) -> tuple[str, ...]:
    """Keys of a few of them."""
    parts = {"key": walk.key, "table": walk.table, "unmigrated": walk.unmigrated}
    return tuple(str(row[0]) for row in db.execute(sql.SQL(_SAMPLE).format(**parts)))


def _files(db: Db, walk: Walk) -> Iterator[tuple[sql.Identifier, int]]:
    """The table, or each of its partitions, with its size in blocks. What is added at the end
    from now on is new, and written through the trigger."""
    for schema, name, size in db.execute(_FILES, {"table": walk.table.as_string(db)}).fetchall():
        yield sql.Identifier(schema, name), int(size)


def _count(db: Db, walk: Walk, table: sql.Identifier, first: int, last: int) -> int:
    query = sql.SQL(_COUNT).format(
        table=table, first=f"({first},0)", last=f"({last},0)", unmigrated=walk.unmigrated
    )
    row = db.execute(query).fetchone()
    return int(row[0]) if row else 0
