"""What is there of an index that was to be built CONCURRENTLY."""

from __future__ import annotations

from dataclasses import dataclass

from pglast.ast import IndexElem, IndexStmt, RangeVar
from psycopg import sql

from davylamp.errors import Refused
from davylamp.schema.database import Db
from davylamp.schema.names import written

_FOUND = """
SELECT n.nspname, c.relname, i.indisvalid AND i.indisready, i.indisunique, i.indrelid = t.oid,
       ARRAY(SELECT coalesce(a.attname::text, '') FROM unnest(i.indkey::int2[])
             WITH ORDINALITY AS k(num, place)
             LEFT JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.num
             WHERE k.place <= i.indnkeyatts ORDER BY k.place),
       coalesce((SELECT p.pid FROM pg_stat_progress_create_index p
                 WHERE p.index_relid = c.oid LIMIT 1), 0)
FROM pg_class t
JOIN pg_class c ON c.relnamespace = t.relnamespace AND c.relname = %s
JOIN pg_namespace n ON n.oid = c.relnamespace
JOIN pg_index i ON i.indexrelid = c.oid
WHERE t.oid = to_regclass(%s)
"""
_LEFTOVERS = """
SELECT n.nspname, c.relname FROM pg_index i
JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE NOT i.indisvalid AND c.relname ~ '_cc(new|old)[0-9]*$'
  AND (i.indrelid = to_regclass(%s)
       OR i.indrelid = (SELECT indrelid FROM pg_index WHERE indexrelid = to_regclass(%s)))
  AND NOT EXISTS (SELECT 1 FROM pg_stat_progress_create_index p WHERE p.relid = i.indrelid)
"""


@dataclass(frozen=True)
class FoundIndex:
    """An index of the wanted name, beside the wanted table."""

    schema: str
    name: str
    is_valid: bool
    """Of no use otherwise: a build was interrupted, and IF NOT EXISTS would take it for good."""
    is_unique: bool
    is_on_table: bool
    columns: tuple[str, ...]
    """Its key columns; an expression is an empty text."""
    built_by: int
    """Process id of the session that is building it; 0 when nobody is."""

    def does_the_work_of(self, wanted: IndexStmt) -> bool:
        """Same table, uniqueness and key columns; expressions and WHERE are not compared."""
        keys = (element for element in wanted.indexParams or () if isinstance(element, IndexElem))
        columns = tuple(element.name or "" for element in keys)
        unique = self.is_unique == bool(wanted.unique)
        return self.is_on_table and unique and self.columns == columns


def find_index(db: Db, wanted: IndexStmt) -> FoundIndex | None:
    """Raises `Refused` for an index without a name: nobody could tell after a crash."""
    if not wanted.idxname or wanted.relation is None:
        raise Refused(
            "CREATE INDEX CONCURRENTLY without a name: give it one, by which an interrupted build "
            "is found"
        )
    row = db.execute(_FOUND, [wanted.idxname, written(wanted.relation)]).fetchone()
    if row is None:
        return None
    return FoundIndex(row[0], row[1], row[2], row[3], row[4], tuple(row[5]), row[6])


def drop_index(db: Db, schema: str, name: str) -> None:
    """Takes no lock that an application would wait for."""
    db.execute(sql.SQL("DROP INDEX CONCURRENTLY IF EXISTS {}").format(sql.Identifier(schema, name)))


def drop_leftovers(db: Db, relation: RangeVar) -> int:
    """Drop what an interrupted REINDEX CONCURRENTLY left on the table (or beside the index)."""
    rows = db.execute(_LEFTOVERS, [written(relation)] * 2).fetchall()
    for schema, name in rows:
        drop_index(db, schema, name)
    return len(rows)
