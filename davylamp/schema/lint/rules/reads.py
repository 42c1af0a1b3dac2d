"""Statements that change nothing: SELECT, COMMENT, SHOW, ANALYZE."""

from __future__ import annotations

from collections.abc import Iterator

from pglast.ast import (
    A_Expr,
    CommentStmt,
    FuncCall,
    Node,
    SelectStmt,
    VacuumStmt,
    VariableShowStmt,
)

from davylamp.schema.lint.advice import said
from davylamp.schema.lint.context import Context
from davylamp.schema.lint.expressions import is_known_stable
from davylamp.schema.lint.part import Part, Rule
from davylamp.schema.lint.rules.creates import copied
from davylamp.schema.lint.rules.data_changes import CHANGES
from davylamp.schema.lint.tree import nodes_in
from davylamp.schema.lint.verdict import Verdict, nothing, refuse
from davylamp.schema.names import quoted, words

_AGGREGATES = frozenset({"count", "min", "max", "sum", "avg", "bool_and", "bool_or", "every"})


def judge_select(part: Part, context: Context) -> Iterator[Verdict]:
    node: SelectStmt = part.node
    if node.intoClause is not None and node.intoClause.rel is not None:
        yield copied(node.intoClause.rel)
        return
    parts = tuple(nodes_in(node))
    if any(isinstance(one, CHANGES) for one in parts):
        yield refuse(
            "data-change-in-with",
            "a WITH that changes rows does so in one transaction as long as that takes",
            said("the backfill engine fills columns in, batch by batch"),
        )
    elif any(isinstance(one, SelectStmt) and one.lockingClause for one in parts):
        yield refuse(
            "select-for-update",
            "it locks rows that live builds want to write",
            said("leave it out: a revision's statements don't build on rows that were read"),
        )
    elif unknown := next((one for one in parts if _may_act(one)), None):
        yield refuse(
            "select-function",
            f"what {_name(unknown)} does is only known at run time",
            said("write out the statements that it would run"),
        )
    else:
        yield nothing("select")


def judge_harmless(part: Part, context: Context) -> Iterator[Verdict]:
    yield nothing("changes-nothing")


def judge_vacuum(part: Part, context: Context) -> Iterator[Verdict]:
    node: VacuumStmt = part.node
    if not node.is_vacuumcmd:
        yield nothing("analyze")
        return
    yield refuse(
        "vacuum",
        "VACUUM runs for long, and may lock the table at its end; FULL rewrites it under a lock "
        "that stops reads and writes",
        said("leave it to autovacuum"),
    )


def _may_act(node: Node) -> bool:
    if isinstance(node, A_Expr):
        return len(node.name or ()) > 1  # OPERATOR(schema.+): a function of one's own
    if not isinstance(node, FuncCall) or is_known_stable(node):
        return False
    parts = words(node.funcname or ())
    return not (len(parts) == 1 and parts[0] in _AGGREGATES)


def _name(node: Node) -> str:
    parts = words(
        (node.funcname if isinstance(node, FuncCall) else getattr(node, "name", ())) or ()
    )
    return f"{quoted(*parts)}()"


RULES = (
    Rule(judge_select, (SelectStmt,)),
    Rule(judge_harmless, (CommentStmt, VariableShowStmt)),
    Rule(judge_vacuum, (VacuumStmt,)),
)
