"""Settings and transactions: the engine's business."""

from __future__ import annotations

from collections.abc import Iterator

from pglast.ast import ConstraintsSetStmt, DiscardStmt, TransactionStmt, VariableSetStmt

from davylamp.schema.lint.advice import said
from davylamp.schema.lint.context import Context
from davylamp.schema.lint.part import Part, Rule
from davylamp.schema.lint.verdict import Verdict, refuse


def judge_set(part: Part, context: Context) -> Iterator[Verdict]:
    name = getattr(part.node, "name", None) or "a setting"
    yield refuse(
        "set",
        f"{name} would hold for the statements after it: the engine sets the timeouts, and none "
        "for CONCURRENTLY, where a short lock_timeout leaves an invalid index; other settings "
        "change what the statements mean",
        said("leave it out; write names with their schema in place of a search_path"),
    )


def judge_transaction(part: Part, context: Context) -> Iterator[Verdict]:
    yield refuse(
        "transaction",
        "one transaction for many statements holds all their locks until its end; the engine "
        "gives each statement its own, with a timeout",
        said("leave BEGIN, COMMIT and the like out"),
    )


RULES = (
    Rule(judge_set, (VariableSetStmt, ConstraintsSetStmt, DiscardStmt)),
    Rule(judge_transaction, (TransactionStmt,)),
)
