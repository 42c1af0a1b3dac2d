"""GRANT adds; REVOKE takes away, and the engine does that in its quarantine."""

from __future__ import annotations

from collections.abc import Iterator

from pglast.ast import GrantStmt, RangeVar

from davylamp.schema.lint.advice import said
from davylamp.schema.lint.context import Context
from davylamp.schema.lint.part import Part, Rule
from davylamp.schema.lint.verdict import Verdict, expand, refuse
from davylamp.schema.names import name_of


def judge_grant(part: Part, context: Context) -> Iterator[Verdict]:
    node: GrantStmt = part.node
    if node.is_grant or _is_new(node, context):
        yield expand("grant" if node.is_grant else "revoke")
        return
    yield refuse(
        "revoke",
        "live builds may need the right, and would fail from that moment on",
        said(
            "to see whether somebody needs it, leave it to the engine: before a drop it revokes, "
            "watches for errors, and gives the right back at the first one"
        ),
    )


def _is_new(node: GrantStmt, context: Context) -> bool:
    named = node.objects or ()
    return bool(named) and all(
        isinstance(one, RangeVar) and name_of(one) in context.new for one in named
    )


RULES = (Rule(judge_grant, (GrantStmt,)),)
