"""ADD CONSTRAINT: NOT VALID or USING INDEX, so that no row is looked at; VALIDATE later."""

from __future__ import annotations

from collections.abc import Iterator

from pglast.ast import Constraint
from pglast.enums import AlterTableType, ConstrType

from davylamp.schema.lint.advice import LATER, lines, said
from davylamp.schema.lint.context import Context
from davylamp.schema.lint.part import Part, Rule
from davylamp.schema.lint.rules.constraint_advice import not_null_apart, not_valid, unique_apart
from davylamp.schema.lint.tree import sql_of
from davylamp.schema.lint.verdict import Verdict, expand, migrate, refuse
from davylamp.schema.names import Name, quoted, words

_CHECKED: dict[ConstrType | None, str] = {
    ConstrType.CONSTR_CHECK: "check",
    ConstrType.CONSTR_FOREIGN: "foreign-key",
    ConstrType.CONSTR_NOTNULL: "not-null",
}


def judge_add_constraint(part: Part, context: Context) -> Iterator[Verdict]:
    found = part.node.def_
    assert isinstance(found, Constraint)
    kind = found.contype
    if kind in _CHECKED:
        yield _checked(part, found, context)
    elif kind in (ConstrType.CONSTR_UNIQUE, ConstrType.CONSTR_PRIMARY):
        yield _using_index(part, found, context) if found.indexname else _unique(part, found)
    elif kind == ConstrType.CONSTR_EXCLUSION:
        yield refuse(
            "add-exclusion",
            "an exclusion constraint builds its index while nobody can read or write the table, "
            "and cannot be added in two steps",
            said(
                "make a new table with the constraint from its beginning (CREATE TABLE), write to "
                "both, fill it with the backfill, and let builds move to it"
            ),
        )


def _checked(part: Part, found: Constraint, context: Context) -> Verdict:
    name = f"add-{_CHECKED[found.contype]}"
    if _is_never_checked(found):
        return expand(name)
    if found.skip_validation:
        return expand(
            name,
            "NOT VALID spares the rows that are there, not those to come: a live build that "
            "writes against it fails from that moment on",
        )
    if found.contype == ConstrType.CONSTR_NOTNULL:
        columns = words(found.keys or ())
        if all(context.is_proven_not_null(part.table, one) for one in columns):
            return migrate(name)
    locks = "that stops writes, also on the other table"
    return refuse(
        name,
        f"{sql_of(found).strip()} is checked on every row under a lock "
        + (locks if found.contype == ConstrType.CONSTR_FOREIGN else "that stops reads and writes"),
        not_valid(part, found),
    )


def _is_never_checked(found: Constraint) -> bool:
    """NOT ENFORCED (PostgreSQL 18). A NOT NULL is read as that, and is not."""
    return not found.is_enforced and found.contype != ConstrType.CONSTR_NOTNULL


def _unique(part: Part, found: Constraint) -> Verdict:
    is_primary = found.contype == ConstrType.CONSTR_PRIMARY
    return refuse(
        "add-primary-key" if is_primary else "add-unique",
        "its index is built while nobody can read or write the table",
        unique_apart(part, words(found.keys or ()), is_primary, found.conname or ""),
    )


def _using_index(part: Part, found: Constraint, context: Context) -> Verdict:
    if found.contype != ConstrType.CONSTR_PRIMARY:
        return expand("add-unique-using-index")
    index = Name(part.table.schema, found.indexname or "")
    _, columns = context.indexes.get(index, (part.table, ()))
    unproven = [one for one in columns if not context.is_proven_not_null(part.table, one)]
    nullable = [one for one in unproven if one in context.facts(part.table).nullable]
    if nullable:
        return refuse(
            "add-primary-key-using-index",
            f"{', '.join(quoted(one) for one in nullable)} can be NULL: making it NOT NULL checks "
            "every row under a lock that stops reads and writes",
            lines(*(not_null_apart(part, one) for one in nullable), LATER, f"{part.sql};"),
        )
    if unproven or not columns:
        return expand(
            "add-primary-key-using-index",
            "the columns of the index must be NOT NULL already: of one that isn't, every row is "
            "checked under a lock that stops reads and writes",
        )
    return expand("add-primary-key-using-index")


RULES = (Rule(judge_add_constraint, (AlterTableType.AT_AddConstraint,)),)
