"""ADD COLUMN: fine while no row has to be looked at or written anew."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from pglast.ast import ColumnDef, Constraint, Node
from pglast.enums import AlterTableType, ConstrType

from davylamp.schema.lint.context import Context
from davylamp.schema.lint.expressions import is_null, is_stable
from davylamp.schema.lint.part import Part, Rule
from davylamp.schema.lint.rules.add_column_advice import (
    apart_constraint,
    filled_later,
    nullable_first,
    of_its_base_type,
)
from davylamp.schema.lint.tree import sql_of
from davylamp.schema.lint.types import BUILT_IN, OF_EXTENSIONS, SERIAL, bare_name
from davylamp.schema.lint.verdict import Verdict, expand, refuse
from davylamp.schema.names import Name, name_of


@dataclass(frozen=True)
class _Column:
    """An added column, its constraints told apart."""

    part: Part
    definition: ColumnDef
    constraints: tuple[Constraint, ...]

    def of_kind(self, *kinds: ConstrType) -> list[Constraint]:
        return [one for one in self.constraints if one.contype in kinds]

    @property
    def default(self) -> Node | None:
        found = self.of_kind(ConstrType.CONSTR_DEFAULT)
        return found[-1].raw_expr if found else None

    @property
    def generated(self) -> str:
        """'s' stored, 'v' virtual, '' neither."""
        found = self.of_kind(ConstrType.CONSTR_GENERATED)
        return found[-1].generated_kind or "" if found else ""


def judge_add_column(part: Part, context: Context) -> Iterator[Verdict]:
    definition = part.node.def_
    assert isinstance(definition, ColumnDef)
    constraints = tuple(one for one in definition.constraints or () if isinstance(one, Constraint))
    column = _Column(part, definition, constraints)
    found = [
        *_values(column, context),
        *_type(column, context),
        *_not_null(column),
        *_checked(column),
    ]
    yield from found or [expand("add-column")]


def _values(column: _Column, context: Context) -> Iterator[Verdict]:
    """Values that differ from row to row have to be written into every row."""
    part, definition = column.part, column.definition
    if definition.typeName is not None and bare_name(definition.typeName) in SERIAL:
        yield refuse(
            "add-column-serial",
            "a serial column gives every row a number of its own: the whole table is rewritten "
            "under a lock that stops reads and writes",
            filled_later(part, definition, "serial"),
        )
    if column.of_kind(ConstrType.CONSTR_IDENTITY):
        yield refuse(
            "add-column-identity",
            "an identity column gives every row a number of its own: the whole table is rewritten "
            "under a lock that stops reads and writes",
            filled_later(part, definition, "identity"),
        )
    if column.generated == "s":
        yield refuse(
            "add-column-generated-stored",
            "a stored generated column is worked out for every row: the whole table is rewritten "
            "under a lock that stops reads and writes",
            filled_later(part, definition, "generated"),
        )
    default = column.default
    if default is not None and not is_stable(default, _is_plain_in(context)):
        yield refuse(
            "add-column-volatile-default",
            f"the default {sql_of(default)} is not known to be the same for every row: if it "
            "isn't, the whole table is rewritten under a lock that stops reads and writes",
            filled_later(part, definition, "default"),
        )


def _type(column: _Column, context: Context) -> Iterator[Verdict]:
    """A domain's constraints are checked on the NULLs of a new column, too, row by row."""
    found = column.definition.typeName
    if found is None or found.arrayBounds is not None or bare_name(found) in BUILT_IN | SERIAL:
        return
    name = name_of(found.names or ())
    is_domain = name in context.domains
    if is_domain or (name not in context.plain_types and name.name not in OF_EXTENSIONS):
        yield refuse(
            "add-column-domain",
            f"{sql_of(found)} {'is' if is_domain else 'may be'} a domain: if it has a constraint, "
            "the whole table is rewritten under a lock that stops reads and writes, even where the "
            "column is NULL",
            of_its_base_type(column.part, column.definition),
        )


def _not_null(column: _Column) -> Iterator[Verdict]:
    is_not_null = bool(column.of_kind(ConstrType.CONSTR_NOTNULL))
    if not is_not_null or column.generated == "s" or column.of_kind(ConstrType.CONSTR_IDENTITY):
        return
    if column.generated:
        yield refuse(
            "add-column-not-null",
            "NOT NULL on a generated column is checked on every row, under a lock that stops "
            "reads and writes",
            nullable_first(column.part, column.definition, is_generated=True),
        )
    elif (column.default is None or is_null(column.default)) and not _is_serial(column):
        yield refuse(
            "add-column-not-null",
            "NOT NULL without a default fails as soon as there is a row, and live builds write "
            "rows that leave the column out",
            nullable_first(column.part, column.definition),
        )


def _checked(column: _Column) -> Iterator[Verdict]:
    """Constraints beside the column that have to look at the rows that are there."""
    looking = column.of_kind(
        ConstrType.CONSTR_CHECK, ConstrType.CONSTR_UNIQUE, ConstrType.CONSTR_PRIMARY
    )
    if column.default is not None or column.generated or _is_serial(column):
        # Else the column holds NULLs, which refer to nothing, and PostgreSQL looks at no row. It
        # does with DEFAULT NULL.
        looking += column.of_kind(ConstrType.CONSTR_FOREIGN)
    for one in looking:
        what = ConstrType(one.contype).name.removeprefix("CONSTR_").lower()
        yield refuse(
            f"add-column-{what}",
            f"the constraint {sql_of(one)} is checked on every row under a lock that stops reads "
            "and writes",
            apart_constraint(column.part, column.definition, one),
        )


def _is_serial(column: _Column) -> bool:
    return bare_name(column.definition.typeName) in SERIAL if column.definition.typeName else False


def _is_plain_in(context: Context):
    def is_plain(name: str) -> bool:
        return Name(*(["public", *name.split(".", 1)][-2:])) in context.plain_types

    return is_plain


RULES = (Rule(judge_add_column, (AlterTableType.AT_AddColumn,)),)
