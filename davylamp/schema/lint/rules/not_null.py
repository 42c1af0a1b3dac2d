"""SET NOT NULL, DROP NOT NULL, VALIDATE CONSTRAINT."""

from __future__ import annotations

from collections.abc import Iterator

from pglast.enums import AlterTableType

from davylamp.schema.lint.context import Context
from davylamp.schema.lint.part import Part, Rule
from davylamp.schema.lint.rules.constraint_advice import not_null_apart
from davylamp.schema.lint.verdict import Verdict, expand, migrate, refuse
from davylamp.schema.names import quoted


def judge_set_not_null(part: Part, context: Context) -> Iterator[Verdict]:
    column = part.node.name or ""
    if context.is_proven_not_null(part.table, column):
        yield migrate("set-not-null")
        return
    yield refuse(
        "set-not-null",
        f"{quoted(column)} is checked on every row under a lock that stops reads and writes: no "
        "valid CHECK that says the same is known from the statements before",
        not_null_apart(part, column),
    )


def judge_drop_not_null(part: Part, context: Context) -> Iterator[Verdict]:
    yield expand(
        "drop-not-null",
        f"every live build that reads {quoted(part.node.name or '')} must accept NULL before "
        "the first build writes it",
    )


def judge_validate(part: Part, context: Context) -> Iterator[Verdict]:
    yield migrate("validate-constraint")


RULES = (
    Rule(judge_set_not_null, (AlterTableType.AT_SetNotNull,)),
    Rule(judge_drop_not_null, (AlterTableType.AT_DropNotNull,)),
    Rule(judge_validate, (AlterTableType.AT_ValidateConstraint,)),
)
