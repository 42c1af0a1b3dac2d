"""What a table is like, as far as a probe has to know."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from davylamp.schema.database import Db

_RELATION = """
SELECT c.oid, c.relkind FROM pg_catalog.pg_class c
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = %s AND c.relname = %s AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
"""
_COLUMNS = """
SELECT a.attname, CASE WHEN t.typtype = 'd' THEN b.typname ELSE t.typname END, t.typcategory
FROM pg_catalog.pg_attribute a
JOIN pg_catalog.pg_type t ON t.oid = a.atttypid
LEFT JOIN pg_catalog.pg_type b ON b.oid = t.typbasetype
WHERE a.attrelid = %s AND a.attnum > 0 AND NOT a.attisdropped
"""
_KEY = """
SELECT a.attname FROM pg_catalog.pg_index i
CROSS JOIN LATERAL unnest(i.indkey) WITH ORDINALITY AS k(attnum, place)
JOIN pg_catalog.pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.attnum
WHERE i.indrelid = %s AND i.indisprimary ORDER BY k.place
"""


@dataclass(frozen=True)
class TableShape:
    """A table, or what is read like one. Without columns it isn't there."""

    columns: Mapping[str, str] = field(default_factory=dict[str, str])
    """Name → `number`, `json`, `timestamptz` or `other`."""
    key: tuple[str, ...] = ()
    """Of its primary key."""
    has_transactions: bool = False
    """Whether its rows say which transaction wrote them."""


def shape_of(db: Db, schema: str, table: str) -> TableShape:
    found = db.execute(_RELATION, [schema, table]).fetchone()
    if found is None:
        return TableShape()
    oid, relkind = found
    columns = {
        name: _kind(type_name, category)
        for name, type_name, category in db.execute(_COLUMNS, [oid])
    }
    key = tuple(row[0] for row in db.execute(_KEY, [oid]))
    return TableShape(columns, key, _letter(relkind) in ("r", "p"))


def _kind(type_name: str, category: str | bytes) -> str:
    if type_name in ("json", "jsonb"):
        return "json"
    if type_name == "timestamptz":
        return "timestamptz"
    return "number" if _letter(category) == "N" else "other"


def _letter(value: str | bytes) -> str:
    """PostgreSQL's one-byte `"char"`."""
    return value.decode() if isinstance(value, bytes) else value
