"""Constraints: what one proves, and on which columns it holds on."""

from __future__ import annotations

from collections.abc import Iterator

from pglast.ast import BoolExpr, ColumnRef, Constraint, Node, NullTest, String
from pglast.enums import BoolExprType, ConstrType, NullTestType

from davylamp.schema.lint.context import NotNullProof, TableFacts
from davylamp.schema.lint.tree import columns_in
from davylamp.schema.names import words


def learn_constraint(
    found: Constraint, facts: TableFacts, starts_empty: bool = False, column: str = ""
) -> None:
    """Note a constraint of a table, or of one of its columns. `starts_empty`: it is valid
    because it is there before the first row."""
    if found.contype == ConstrType.CONSTR_CHECK:
        facts.held |= columns_in(found.raw_expr)
    elif found.contype == ConstrType.CONSTR_EXCLUSION:
        facts.held.add("*")
    elif found.contype == ConstrType.CONSTR_PRIMARY and (starts_empty or column):
        facts.not_null.update(words(found.keys or ()), {column} - {""})
        facts.nullable -= facts.not_null
    proved = not_null_columns(found)
    if proved:
        key = found.conname or f"\0{len(facts.proofs)}"  # unnamed: nothing can speak of it
        facts.proofs[key] = NotNullProof(proved, not found.skip_validation)


def not_null_columns(found: Constraint) -> frozenset[str]:
    """The columns that hold no NULL once this constraint is valid."""
    if found.is_no_inherit:
        return frozenset()
    if found.contype == ConstrType.CONSTR_NOTNULL:
        return frozenset(words(found.keys or ()))
    if found.contype == ConstrType.CONSTR_CHECK and found.is_enforced:
        return frozenset(_proved(found.raw_expr))
    return frozenset()


def _proved(expression: Node | None) -> Iterator[str]:
    """Of `a IS NOT NULL AND …`; PostgreSQL's own proof understands more."""
    waiting = [expression]
    while waiting:
        one = waiting.pop()
        if isinstance(one, BoolExpr) and one.boolop == BoolExprType.AND_EXPR:
            waiting.extend(one.args or ())
        elif isinstance(one, NullTest) and one.nulltesttype == NullTestType.IS_NOT_NULL:
            column = _column(one.arg)
            if column:
                yield column


def _column(expression: Node | None) -> str:
    fields = expression.fields or () if isinstance(expression, ColumnRef) else ()
    return (fields[-1].sval or "") if fields and isinstance(fields[-1], String) else ""
