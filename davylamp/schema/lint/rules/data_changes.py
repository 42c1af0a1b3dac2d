"""Changes of rows: the backfill engine's, in small batches."""

from __future__ import annotations

from collections.abc import Iterator

from pglast.ast import (
    CopyStmt,
    DeleteStmt,
    FuncCall,
    InsertStmt,
    MergeStmt,
    OnConflictClause,
    ParamRef,
    RefreshMatViewStmt,
    SelectStmt,
    SubLink,
    TruncateStmt,
    UpdateStmt,
    WithClause,
)
from pglast.enums import OnConflictAction

from davylamp.schema.lint.advice import MIGRATE_LATER, dual_write, lines, said
from davylamp.schema.lint.context import Context
from davylamp.schema.lint.expressions import is_known_stable
from davylamp.schema.lint.part import Part, Rule
from davylamp.schema.lint.tree import nodes_in
from davylamp.schema.lint.verdict import Verdict, expand, migrate, refuse
from davylamp.schema.names import name_of, written

CHANGES = (InsertStmt, UpdateStmt, DeleteStmt, MergeStmt)
_LONG = (
    "it changes rows in one transaction as long as that takes: rows stay locked, VACUUM and "
    "replicas fall behind, and breaking off loses all of it"
)


def judge_update(part: Part, context: Context) -> Iterator[Verdict]:
    node: UpdateStmt = part.node
    targets = [one.name for one in node.targetList or () if getattr(one, "name", None)]
    table = name_of(node.relation) if node.relation is not None else None
    advice = said("the backfill engine does this, batch by batch")
    if table is not None and targets:
        advice = lines(
            MIGRATE_LATER,
            dual_write(table.name, "the column it comes from", targets[0], table.schema),
            "-- with forward = the expression; the engine fills the rows in, batch by batch",
        )
    yield refuse("update", _LONG, advice)


def judge_delete(part: Part, context: Context) -> Iterator[Verdict]:
    yield refuse("delete", _LONG, said("let a job of the application delete in small batches"))


def judge_merge(part: Part, context: Context) -> Iterator[Verdict]:
    yield refuse("merge", _LONG, said("the backfill engine fills columns in, batch by batch"))


def judge_insert(part: Part, context: Context) -> Iterator[Verdict]:
    """A few rows that are written out are fine; rows of a query are a backfill."""
    node: InsertStmt = part.node
    if _is_written_out(node):
        yield expand("insert", "live builds will read these rows: they must know such values")
        return
    yield refuse(
        "insert",
        _LONG,
        said("write the rows out with VALUES, or let the backfill engine fill columns in"),
    )


def judge_copy(part: Part, context: Context) -> Iterator[Verdict]:
    yield refuse("copy", _LONG, said("let the application, or somebody by hand, load the rows"))


def judge_truncate(part: Part, context: Context) -> Iterator[Verdict]:
    node: TruncateStmt = part.node
    names = ", ".join(written(one) for one in node.relations or ())
    yield refuse(
        "truncate",
        f"the rows of {names} are gone for every live build, and no roll back brings them back",
        said("let a job of the application delete what is not needed, in small batches"),
    )


def judge_refresh(part: Part, context: Context) -> Iterator[Verdict]:
    node: RefreshMatViewStmt = part.node
    if node.concurrent:
        yield migrate("refresh")
        return
    name = written(node.relation) if node.relation is not None else ""
    yield refuse(
        "refresh",
        "nobody can read the view while its query runs",
        f"REFRESH MATERIALIZED VIEW CONCURRENTLY {name};",
    )


def _is_written_out(node: InsertStmt) -> bool:
    query = node.selectStmt
    if not all(_is_plain(one) for one in nodes_in(node)):
        return False
    return query is None or (isinstance(query, SelectStmt) and query.valuesLists is not None)


def _is_plain(node: object) -> bool:
    if isinstance(node, FuncCall):
        return is_known_stable(node)
    if isinstance(node, OnConflictClause):
        return node.action == OnConflictAction.ONCONFLICT_NOTHING
    return not isinstance(node, SubLink | ParamRef | WithClause)


RULES = (
    Rule(judge_update, (UpdateStmt,)),
    Rule(judge_delete, (DeleteStmt,)),
    Rule(judge_merge, (MergeStmt,)),
    Rule(judge_insert, (InsertStmt,)),
    Rule(judge_copy, (CopyStmt,)),
    Rule(judge_truncate, (TruncateStmt,)),
    Rule(judge_refresh, (RefreshMatViewStmt,)),
)
