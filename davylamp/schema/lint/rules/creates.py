"""CREATE: new things beside the old, which no live build knows."""

from __future__ import annotations

from collections.abc import Iterator

from pglast.ast import (
    CompositeTypeStmt,
    CreateDomainStmt,
    CreateEnumStmt,
    CreateExtensionStmt,
    CreateFunctionStmt,
    CreateRangeStmt,
    CreateSchemaStmt,
    CreateSeqStmt,
    CreateStatsStmt,
    CreateStmt,
    CreateTableAsStmt,
    DefineStmt,
    RangeVar,
    ViewStmt,
)
from pglast.enums import ObjectType

from davylamp.schema.lint.advice import lines, said
from davylamp.schema.lint.context import Context
from davylamp.schema.lint.part import Part, Rule
from davylamp.schema.lint.rules.partitions import judge_partition
from davylamp.schema.lint.verdict import Verdict, expand, refuse
from davylamp.schema.names import written

_NEW = (
    CompositeTypeStmt,
    CreateDomainStmt,
    CreateEnumStmt,
    CreateRangeStmt,
    CreateSeqStmt,
    CreateStatsStmt,
)
_DEFINED = (ObjectType.OBJECT_TYPE, ObjectType.OBJECT_COLLATION, ObjectType.OBJECT_AGGREGATE)


def judge_create_table(part: Part, context: Context) -> Iterator[Verdict]:
    node: CreateStmt = part.node
    assert node.relation is not None
    if is_temporary(node.relation):
        yield temporary(node.relation)
    elif node.partbound is not None:
        yield judge_partition(part, node, context)
    else:
        yield expand("create-table")


def judge_new(part: Part, context: Context) -> Iterator[Verdict]:
    node = part.node
    relation = getattr(node, "sequence", None)
    if isinstance(relation, RangeVar) and is_temporary(relation):
        yield temporary(relation)
        return
    yield expand("create")


def judge_defined(part: Part, context: Context) -> Iterator[Verdict]:
    """An operator or a cast could change what queries of live builds mean: no rule knows it."""
    if part.node.kind in _DEFINED:
        yield expand("create", *_replacing(part.node))


def judge_view_or_function(part: Part, context: Context) -> Iterator[Verdict]:
    node: ViewStmt | CreateFunctionStmt = part.node
    if isinstance(node, ViewStmt) and node.view is not None and is_temporary(node.view):
        yield temporary(node.view)
        return
    yield expand("create", *_replacing(node))


def judge_extension(part: Part, context: Context) -> Iterator[Verdict]:
    yield expand(
        "create-extension",
        "what an extension's script does isn't seen here, and it needs rights that applications "
        "shouldn't have",
    )


def judge_schema(part: Part, context: Context) -> Iterator[Verdict]:
    node: CreateSchemaStmt = part.node
    if node.schemaElts:
        yield refuse(
            "create-schema-with-elements",
            "statements within a CREATE SCHEMA are not judged one by one",
            said("write CREATE SCHEMA alone, and what goes into it as statements of their own"),
        )
    else:
        yield expand("create")


def judge_copy(part: Part, context: Context) -> Iterator[Verdict]:
    """CREATE TABLE AS, CREATE MATERIALIZED VIEW."""
    node: CreateTableAsStmt = part.node
    assert node.into is not None
    assert node.into.rel is not None
    if is_temporary(node.into.rel):
        yield temporary(node.into.rel)
    elif node.objtype == ObjectType.OBJECT_MATVIEW or node.into.skipData:
        yield expand("create")
    else:
        yield copied(node.into.rel)


def copied(relation: RangeVar) -> Verdict:
    return refuse(
        "create-table-as",
        "it copies rows in one transaction as long as that takes, and what live builds write "
        "meanwhile is missing from the copy",
        lines(
            f"-- CREATE TABLE {written(relation)} (…);",
            "-- then let builds write to both, and let the backfill fill in what was there",
        ),
    )


def is_temporary(relation: RangeVar) -> bool:
    return relation.relpersistence == "t" or (relation.schemaname or "").startswith("pg_temp")


def temporary(relation: RangeVar) -> Verdict:
    return refuse(
        "temporary",
        f"{written(relation)} is temporary: it would hide a table of that name from the "
        "statements after it, and is gone with the connection",
        said("make a real table, and drop it in a contract revision"),
    )


def _replacing(node: ViewStmt | CreateFunctionStmt | DefineStmt) -> tuple[str, ...]:
    if not node.replace:
        return ()
    return (
        "OR REPLACE changes at once what live builds see and call, and stopping here does not "
        "bring the old one back: if it means something else now, give it a new name",
    )


RULES = (
    Rule(judge_create_table, (CreateStmt,)),
    Rule(judge_new, _NEW),
    Rule(judge_defined, (DefineStmt,)),
    Rule(judge_view_or_function, (ViewStmt, CreateFunctionStmt)),
    Rule(judge_extension, (CreateExtensionStmt,)),
    Rule(judge_schema, (CreateSchemaStmt,)),
    Rule(judge_copy, (CreateTableAsStmt,)),
)
