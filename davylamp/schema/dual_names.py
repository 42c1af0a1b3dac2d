"""How a dual write's two columns are written in SQL: quoted names, filled-in expressions, and when
a row's two sides agree."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass

from psycopg import sql

from davylamp.schema.database import Db, plain_sql
from davylamp.schema.names import quoted
from davylamp.schema.revision import DualWrite


@dataclass(frozen=True)
class Sides:
    """The two values of one row, as SQL: of the row itself (prefix t), or of NEW in a trigger."""

    old: sql.Composable
    new: sql.Composable
    old_type: sql.Composable
    new_type: sql.Composable
    dual_write: DualWrite

    @property
    def forward(self) -> sql.Composed:
        """The new side's value from the old one's."""
        return filled(self.dual_write.forward, self)

    @property
    def backward(self) -> sql.Composed:
        return filled(self.dual_write.backward, self)

    @property
    def differ(self) -> sql.Composed:
        """The new side is not what the old side says. The cast rounds as storing it does."""
        form = sql.SQL("{} IS DISTINCT FROM ({})::{}")
        return form.format(self.new, self.forward, self.new_type)

    @property
    def contradict(self) -> sql.Composed:
        """Neither side follows from the other: the row has to be migrated.

        Where the way back loses something (cents to euros) the new side may hold more than the
        old one: such a row agrees, and must not be overwritten.
        """
        form = sql.SQL("{} AND ({} IS NULL OR {} IS DISTINCT FROM ({})::{})")
        return form.format(self.differ, self.new, self.old, self.backward, self.old_type)


def sides(db: Db, dual_write: DualWrite, prefix: str) -> Sides:
    """`prefix` is the row's name: an alias, or NEW."""
    old_type, new_type = _types(db, dual_write)
    row = plain_sql(prefix)
    old, new = sql.Identifier(dual_write.old), sql.Identifier(dual_write.new)
    return Sides(
        sql.SQL("{}.{}").format(row, old),
        sql.SQL("{}.{}").format(row, new),
        plain_sql(old_type),
        plain_sql(new_type),
        dual_write,
    )


def filled(expression: str, given: Sides) -> sql.Composed:
    """`{old}` and `{new}` replaced in one pass: a name may look like either of them."""
    values = {"{old}": given.old, "{new}": given.new}
    pieces = re.split(r"(\{old\}|\{new\})", expression)
    return sql.Composed([values.get(piece) or plain_sql(piece) for piece in pieces])


def table_of(dual_write: DualWrite) -> sql.Identifier:
    return sql.Identifier(dual_write.schema, dual_write.table)


def search_path_of(dual_write: DualWrite) -> str:
    """Where an expression's functions and types are looked up, whoever writes the row."""
    return f"pg_catalog, {quoted(dual_write.schema)}, pg_temp"


def id_of(dual_write: DualWrite) -> str:
    """`schema.table.new`, each quoted where PostgreSQL would have to."""
    return ".".join(quoted(n) for n in (dual_write.schema, dual_write.table, dual_write.new))


def routine_of(dual_write: DualWrite) -> str:
    """Name of its trigger and function: short whatever the columns are called, and last in the
    alphabet, because PostgreSQL fires triggers in that order."""
    names = (dual_write.schema, dual_write.table, dual_write.old, dual_write.new)
    digest = hashlib.sha256("\0".join(names).encode()).hexdigest()[:16]
    return f"zzz_davylamp_dual_write_{digest}"


def _types(db: Db, dual_write: DualWrite) -> tuple[str, str]:
    rows = db.execute(
        "SELECT attname, format_type(atttypid, atttypmod) FROM pg_catalog.pg_attribute "
        "WHERE attrelid = to_regclass(%s) AND attname = ANY (%s)",
        [
            quoted(dual_write.schema, dual_write.table),
            [dual_write.old, dual_write.new],
        ],
    )
    found = {str(name): str(kind) for name, kind in rows}
    return found[dual_write.old], found[dual_write.new]
