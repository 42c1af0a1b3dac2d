"""Statements that lock or rewrite whole tables, or switch safeguards off: never in a revision."""

from __future__ import annotations

from collections.abc import Iterator

from pglast.ast import ClusterStmt, LockStmt
from pglast.enums import AlterTableType

from davylamp.schema.lint.advice import said
from davylamp.schema.lint.context import Context
from davylamp.schema.lint.part import Part, Rule
from davylamp.schema.lint.verdict import Verdict, refuse

_REWRITES = (
    AlterTableType.AT_SetLogged,
    AlterTableType.AT_SetUnLogged,
    AlterTableType.AT_SetTableSpace,
    AlterTableType.AT_SetAccessMethod,
    AlterTableType.AT_ClusterOn,
    AlterTableType.AT_SetExpression,
)
_TRIGGERS = tuple(one for one in AlterTableType if "Trig" in one.name or one.name.endswith("Rule"))
_ROW_SECURITY = tuple(one for one in AlterTableType if one.name.endswith("RowSecurity"))
_INHERITS = (AlterTableType.AT_AddInherit, AlterTableType.AT_DropInherit)


def judge_rewrite(part: Part, context: Context) -> Iterator[Verdict]:
    yield refuse(
        "rewrites-table",
        "the whole table is written anew under a lock that stops reads and writes",
        said("make a new table beside it, dual-write, backfill, and let builds move to it"),
    )


def judge_lock(part: Part, context: Context) -> Iterator[Verdict]:
    yield refuse(
        "lock-table",
        "live builds wait until the transaction ends",
        said("leave it out: the engine takes the locks it needs, briefly, with a timeout"),
    )


def judge_trigger_switch(part: Part, context: Context) -> Iterator[Verdict]:
    yield refuse(
        "switch-trigger",
        "triggers keep foreign keys and dual writes true: rows written meanwhile would be wrong, "
        "and nothing would find them",
        said("leave it out; to take a trigger away, DROP TRIGGER in a contract revision"),
    )


def judge_row_security(part: Part, context: Context) -> Iterator[Verdict]:
    yield refuse(
        "row-security",
        "from that moment on live builds see other rows than before",
        said("make a view or a new table with the policy, and let builds move to it"),
    )


def judge_inherit(part: Part, context: Context) -> Iterator[Verdict]:
    yield refuse(
        "inherit",
        "from that moment on live builds find other rows in the table than before",
        said("make a new table beside it, and let builds move to it"),
    )


RULES = (
    Rule(judge_rewrite, (ClusterStmt, *_REWRITES)),
    Rule(judge_lock, (LockStmt,)),
    Rule(judge_trigger_switch, _TRIGGERS),
    Rule(judge_row_security, _ROW_SECURITY),
    Rule(judge_inherit, _INHERITS),
)
