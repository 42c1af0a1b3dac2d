"""How to add a constraint in two steps."""

from __future__ import annotations

import copy
from collections.abc import Sequence

from pglast.ast import Constraint, String
from pglast.enums import ConstrType

from davylamp.schema.lint.advice import LATER, lines, validated
from davylamp.schema.lint.part import Part
from davylamp.schema.lint.tree import columns_in, sql_of
from davylamp.schema.names import made_up, quoted, words

_ENDINGS: dict[ConstrType | None, str] = {
    ConstrType.CONSTR_CHECK: "check",
    ConstrType.CONSTR_FOREIGN: "fkey",
    ConstrType.CONSTR_NOTNULL: "not_null",
}


def not_valid(part: Part, constraint: Constraint, column: str = "") -> str:
    """NOT VALID now, VALIDATE in a transaction of its own. `column`: it stood beside one."""
    apart = copy.copy(constraint)
    apart.skip_validation = True
    apart.conname = constraint.conname or _name(part, constraint, column)
    if constraint.contype == ConstrType.CONSTR_FOREIGN and column:
        apart.fk_attrs = (String(column),)
    if constraint.contype == ConstrType.CONSTR_NOTNULL:
        return not_null_apart(part, (words(constraint.keys or ()) or ("",))[0], apart.conname)
    return lines(
        f"ALTER TABLE {part.written_table} ADD {sql_of(apart).strip()};",
        validated(part.written_table, quoted(apart.conname)),
    )


def not_null_apart(part: Part, column: str, constraint: str = "") -> str:
    """By a CHECK, which proves it to PostgreSQL; NOT NULL … NOT VALID would need 18."""
    table, written = part.written_table, quoted(column)
    name = quoted(constraint or made_up(part.table.name, column, "not_null"))
    return lines(
        f"ALTER TABLE {table} ADD CONSTRAINT {name} CHECK ({written} IS NOT NULL) NOT VALID;",
        validated(table, name, [f"ALTER TABLE {table} ALTER COLUMN {written} SET NOT NULL;"]),
    )


def unique_apart(part: Part, columns: Sequence[str], is_primary: bool, name: str = "") -> str:
    """The index first, without stopping writes; then the constraint that uses it."""
    ending = "pkey" if is_primary else "key"
    named = name or made_up(part.table.name, *(() if is_primary else columns), ending)
    index = made_up(named, "index")
    schema = () if part.table.schema == "public" else (part.table.schema,)
    listed = ", ".join(quoted(one) for one in columns)
    kind = "PRIMARY KEY" if is_primary else "UNIQUE"
    return lines(
        "-- in a revision of its own:",
        f"CREATE UNIQUE INDEX CONCURRENTLY {quoted(index)} ON {part.written_table} ({listed});",
        "-- (a partitioned table takes no CONCURRENTLY: index its partitions one by one)",
        "-- the key's columns must be NOT NULL by then, or the table is scanned again"
        if is_primary
        else "",
        LATER,
        f"ALTER TABLE {part.written_table} ADD CONSTRAINT {quoted(named)} {kind} USING INDEX "
        f"{quoted(index)};",
        f"-- (the index is in schema {schema[0]})" if schema else "",
    )


def _name(part: Part, constraint: Constraint, column: str) -> str:
    columns = words(constraint.fk_attrs or constraint.keys or ())
    if not columns:
        columns = (column,) if column else tuple(sorted(columns_in(constraint.raw_expr) - {"*"}))
    # The way PostgreSQL names it itself.
    return made_up(part.table.name, *columns[:2], _ENDINGS.get(constraint.contype, "check"))
