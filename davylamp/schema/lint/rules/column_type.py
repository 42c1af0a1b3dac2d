"""ALTER COLUMN … TYPE: fine only where it is known to widen and to rewrite nothing."""

from __future__ import annotations

from collections.abc import Iterator

from pglast.ast import ColumnDef, TypeName
from pglast.enums import AlterTableType

from davylamp.schema.lint.advice import CONTRACT_LATER, MIGRATE_LATER, dual_write, lines
from davylamp.schema.lint.context import Context
from davylamp.schema.lint.part import Part, Rule
from davylamp.schema.lint.tree import sql_of
from davylamp.schema.lint.types import column_type, only_widens
from davylamp.schema.lint.verdict import Verdict, expand, refuse
from davylamp.schema.names import made_up, quoted


def judge_column_type(part: Part, context: Context) -> Iterator[Verdict]:
    found = part.node.def_
    assert isinstance(found, ColumnDef)
    why = _objection(part, found, context)
    if not why:
        yield expand("alter-column-type")
        return
    yield refuse(
        "alter-column-type",
        f"{why}: the table may be scanned or rewritten under a lock that stops reads and writes, "
        "and live builds read and write the old type",
        _beside(part, found.typeName, context),
    )


def _objection(part: Part, found: ColumnDef, context: Context) -> str:
    """Why it isn't known to only widen; '' when it is."""
    column = part.node.name or ""
    old, new = context.type_of(part.table, column), column_type(found.typeName)
    if found.raw_default is not None:
        return "USING works every value out anew"
    if old is None:
        return f"the type {quoted(column)} has now is not known from the statements before"
    if new is None or not only_widens(old, new):
        return f"{sql_of(found.typeName)} does not only widen what {quoted(column)} is now"
    if found.collClause is not None:
        return "COLLATE rebuilds the column's indexes"
    if context.is_held(part.table, column):
        return (
            f"{quoted(column)} has a CHECK, a collation, or an index on an expression or with a "
            "condition, which is checked or built anew, or its table has partitions that may"
        )
    return ""


def _beside(part: Part, wanted: TypeName | None, context: Context) -> str:
    column = part.node.name or ""
    new = made_up(column, "new")
    table = part.written_table
    kind = sql_of(wanted)
    return lines(
        f"ALTER TABLE {table} ADD COLUMN {quoted(new)} {kind};",
        MIGRATE_LATER,
        dual_write(part.table.name, column, new, part.table.schema, f"{{old}}::{kind}"),
        CONTRACT_LATER,
        f"ALTER TABLE {table} DROP COLUMN {quoted(column)};",
    )


RULES = (Rule(judge_column_type, (AlterTableType.AT_AlterColumnType,)),)
