"""Triggers, rules and policies: they change what live builds' statements do."""

from __future__ import annotations

from collections.abc import Iterator

from pglast.ast import CreatePolicyStmt, CreateTrigStmt, RuleStmt

from davylamp.schema.lint.advice import said
from davylamp.schema.lint.context import Context
from davylamp.schema.lint.part import Part, Rule
from davylamp.schema.lint.verdict import Verdict, expand, refuse
from davylamp.schema.names import name_of


def judge_trigger(part: Part, context: Context) -> Iterator[Verdict]:
    node: CreateTrigStmt = part.node
    if node.relation is not None and name_of(node.relation) in context.new:
        yield expand("create-trigger")
        return
    yield refuse(
        "create-trigger",
        "it runs in every write of every live build from that moment on",
        said(
            "to keep two columns equal, let the engine do it, in a migrate revision: dual_write = "
            '{"table": …, "old": …, "new": …}; on a table of this revision a trigger is fine'
        ),
    )


def judge_rule(part: Part, context: Context) -> Iterator[Verdict]:
    yield refuse(
        "create-rule",
        "it puts other statements in the place of those that live builds send",
        said("make a view under a new name, and let builds move to it"),
    )


def judge_policy(part: Part, context: Context) -> Iterator[Verdict]:
    node: CreatePolicyStmt = part.node
    if node.table is not None and name_of(node.table) in context.new:
        yield expand("create-policy")
        return
    yield refuse(
        "create-policy",
        "from that moment on live builds see other rows than before",
        said("make a view or a new table with the policy, and let builds move to it"),
    )


RULES = (
    Rule(judge_trigger, (CreateTrigStmt,)),
    Rule(judge_rule, (RuleStmt,)),
    Rule(judge_policy, (CreatePolicyStmt,)),
)
