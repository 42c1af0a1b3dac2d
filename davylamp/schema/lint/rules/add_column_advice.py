"""How to add a column that can't be added at once."""

from __future__ import annotations

import copy

from pglast.ast import ColumnDef, Constraint, Node
from pglast.enums import ConstrType

from davylamp.schema.lint.advice import LATER, MIGRATE_LATER, dual_write, lines, said, validated
from davylamp.schema.lint.part import Part
from davylamp.schema.lint.rules.constraint_advice import not_valid, unique_apart
from davylamp.schema.lint.tree import sql_of
from davylamp.schema.lint.types import SERIAL, bare_name
from davylamp.schema.names import made_up, quoted

_INTEGERS = {
    "smallserial": "smallint",
    "serial2": "smallint",
    "serial": "integer",
    "serial4": "integer",
    "bigserial": "bigint",
    "serial8": "bigint",
}


_VALUES: set[ConstrType] = {ConstrType.CONSTR_DEFAULT, ConstrType.CONSTR_GENERATED}
"""Constraints, to the parser, that give a column its values."""


def filled_later(part: Part, column: ColumnDef, kind: str) -> str:
    """Nullable first; new rows get their value from a default or from the dual write, and the
    backfill gives the old ones theirs."""
    name, table = column.colname or "", part.table
    quoted_name = quoted(name)
    add = f"ALTER TABLE {part.written_table} ADD COLUMN {quoted_name} {_type(column)};"
    expression = _expression(column, kind)
    if kind in ("serial", "identity"):
        sequence = quoted(*_schema(part), made_up(table.name, name, "seq"))
        expression = f"nextval('{sequence.replace(chr(39), chr(39) * 2)}')"
        add = lines(f"CREATE SEQUENCE {sequence};", add)
    later = _backfilled(part, name, expression)
    if kind == "generated":
        return lines(add, later)
    default = f"ALTER TABLE {part.written_table} ALTER COLUMN {quoted_name} SET DEFAULT"
    return lines(add, f"{default} {expression};", later)


def nullable_first(part: Part, column: ColumnDef, is_generated: bool = False) -> str:
    name = quoted(column.colname or "")
    constraint = quoted(made_up(part.table.name, column.colname or "", "not_null"))
    check = f"ADD CONSTRAINT {constraint} CHECK ({name} IS NOT NULL) NOT VALID"
    kept = {ConstrType.CONSTR_GENERATED} if is_generated else set[ConstrType]()
    return lines(
        f"ALTER TABLE {part.written_table} ADD COLUMN {_without(column, kept)};",
        "" if is_generated else _backfilled(part, column.colname or "", "{old}"),
        "-- in a later revision, once every live build writes it:",
        f"ALTER TABLE {part.written_table} {check};",
        validated(
            part.written_table,
            constraint,
            [f"ALTER TABLE {part.written_table} ALTER COLUMN {name} SET NOT NULL;"],
        ),
    )


def apart_constraint(part: Part, column: ColumnDef, constraint: Constraint) -> str:
    name, kind = column.colname or "", constraint.contype
    add = f"ALTER TABLE {part.written_table} ADD COLUMN {_without(column, _VALUES)};"
    if kind == ConstrType.CONSTR_PRIMARY:
        filled = {one.contype for one in column.constraints or ()} & _VALUES
        never_null = f"{add.removesuffix(';')} NOT NULL;"
        first = never_null if filled else nullable_first(part, column)
        return lines(first, unique_apart(part, (name,), True, constraint.conname or ""))
    if kind == ConstrType.CONSTR_UNIQUE:
        return lines(add, unique_apart(part, (name,), False, constraint.conname or ""))
    return lines(add, LATER, not_valid(part, constraint, name))


def of_its_base_type(part: Part, column: ColumnDef) -> str:
    name = quoted(column.colname or "")
    constraint = quoted(made_up(part.table.name, column.colname or "", "check"))
    return said(
        "if it is an enum or composite type: write its CREATE TYPE into this history, and this "
        "stays as it is; if it is a domain: take the type beneath it, and its check apart:",
        f"ALTER TABLE {part.written_table} ADD COLUMN {name} (the type beneath it);",
        f"ALTER TABLE {part.written_table} ADD CONSTRAINT {constraint} CHECK (…) NOT VALID;",
        f"ALTER TABLE {part.written_table} VALIDATE CONSTRAINT {constraint};",
    )


def _backfilled(part: Part, name: str, expression: str) -> str:
    """The engine fills what is there; `old` is whatever column the value comes from."""
    return lines(
        MIGRATE_LATER,
        "-- the engine writes new rows in both columns and fills in the old rows, batch by batch",
        dual_write(
            part.table.name,
            "the column it comes from",
            name,
            part.table.schema,
            "" if expression == "{old}" else expression,
        ),
    )


def _expression(column: ColumnDef, kind: str) -> str:
    wanted = {"default": ConstrType.CONSTR_DEFAULT, "generated": ConstrType.CONSTR_GENERATED}
    for one in column.constraints or ():
        if isinstance(one, Constraint) and one.contype == wanted.get(kind):
            return sql_of(one.raw_expr)
    return ""


def _type(column: ColumnDef) -> str:
    found = column.typeName
    if found is not None and bare_name(found) in SERIAL:
        return _INTEGERS[bare_name(found)]
    return sql_of(found)


def _without(column: ColumnDef, kept: set[ConstrType]) -> str:
    """The column's definition with only some kinds of its constraints."""
    bare: Node = copy.copy(column)
    assert isinstance(bare, ColumnDef)
    constraints = [one for one in column.constraints or () if isinstance(one, Constraint)]
    bare.constraints = tuple(one for one in constraints if one.contype in kept) or None
    return sql_of(bare)


def _schema(part: Part) -> tuple[str, ...]:
    return () if part.table.schema == "public" else (part.table.schema,)
