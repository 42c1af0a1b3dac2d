"""SQL that is only known at run time."""

from __future__ import annotations

from collections.abc import Iterator

from pglast.ast import CallStmt, DoStmt, ExecuteStmt, ExplainStmt, PrepareStmt

from davylamp.schema.lint.advice import said
from davylamp.schema.lint.context import Context
from davylamp.schema.lint.part import Part, Rule
from davylamp.schema.lint.verdict import Verdict, refuse


def judge_run_time(part: Part, context: Context) -> Iterator[Verdict]:
    yield refuse(
        "run-time-sql",
        "what it does is only known when it runs, so nobody can say beforehand whether live "
        "builds bear it",
        said("write the statements out, one after the other; IF [NOT] EXISTS needs no DO"),
    )


RULES = (Rule(judge_run_time, (CallStmt, DoStmt, ExecuteStmt, ExplainStmt, PrepareStmt)),)
