"""CREATE INDEX, REINDEX: without stopping writes."""

from __future__ import annotations

import copy
from collections.abc import Iterator

from pglast.ast import IndexElem, IndexStmt, ReindexStmt
from pglast.enums import ReindexObjectType

from davylamp.schema.lint.advice import lines, said
from davylamp.schema.lint.context import Context
from davylamp.schema.lint.part import Part, Rule
from davylamp.schema.lint.tree import sql_of
from davylamp.schema.lint.verdict import Verdict, expand, refuse
from davylamp.schema.names import made_up, name_of, quoted, written
from davylamp.schema.statement_kinds import reindexes_concurrently

_ALONE = "-- in a revision of its own:"


def judge_create_index(part: Part, context: Context) -> Iterator[Verdict]:
    node: IndexStmt = part.node
    assert node.relation is not None
    table = name_of(node.relation)
    if table in context.new:
        yield expand("create-index")
    elif node.concurrent and table in context.partitioned:
        yield refuse(
            "create-index-partitioned",
            f"{written(node.relation)} is partitioned: PostgreSQL builds no index on it "
            "CONCURRENTLY",
            _partition_by_partition(node),
        )
    elif node.concurrent:
        yield _concurrently(node)
    elif table in context.partitioned and not node.relation.inh:
        yield expand("create-index")  # ON ONLY: an entry in the catalog, nothing is built
    elif table in context.partitioned:
        yield refuse("create-index", _WHY_NOT, _partition_by_partition(node))
    else:
        yield refuse("create-index", _WHY_NOT, lines(_ALONE, f"{_made_concurrent(node)};"))


_WHY_NOT = "nobody can write to the table while the index is being built"


def judge_reindex(part: Part, context: Context) -> Iterator[Verdict]:
    node: ReindexStmt = part.node
    one = node.kind in (
        ReindexObjectType.REINDEX_OBJECT_INDEX,
        ReindexObjectType.REINDEX_OBJECT_TABLE,
    )
    if one and reindexes_concurrently(node):
        yield expand("reindex")
        return
    what = ReindexObjectType(node.kind).name.removeprefix("REINDEX_OBJECT_")
    advice = said("REINDEX INDEX CONCURRENTLY, of one index after the other")
    if one and node.relation is not None:
        advice = lines(_ALONE, f"REINDEX {what} CONCURRENTLY {written(node.relation)};")
    yield refuse(
        "reindex", "nobody can write to the table, nor use the index, while it is rebuilt", advice
    )


def _concurrently(node: IndexStmt) -> Verdict:
    if node.if_not_exists:
        return expand(
            "create-index-concurrently",
            "IF NOT EXISTS also succeeds when an invalid index of that name was left by a build "
            "that broke off",
            said("the engine looks for invalid indexes and repairs them; leave IF NOT EXISTS out"),
        )
    if node.unique:
        return expand(
            "create-index-concurrently",
            "a live build that writes the same value twice fails from that moment on",
        )
    return expand("create-index-concurrently")


def _made_concurrent(node: IndexStmt) -> str:
    made = copy.copy(node)
    made.concurrent = True
    made.if_not_exists = False
    return sql_of(made)


def _partition_by_partition(node: IndexStmt) -> str:
    made = copy.copy(node)
    assert node.relation is not None
    relation = copy.copy(node.relation)
    made.concurrent, relation.inh, made.relation = False, False, relation
    made.idxname = node.idxname or made_up(relation.relname or "", *_columns(node), "idx")
    return lines(
        f"{sql_of(made)};",
        "-- then, for each partition, in a revision of its own, the same with CONCURRENTLY, and:",
        f"-- ALTER INDEX {quoted(made.idxname)} ATTACH PARTITION (the partition's index);",
    )


def _columns(node: IndexStmt) -> tuple[str, ...]:
    elements = [one for one in node.indexParams or () if isinstance(one, IndexElem)]
    return tuple(one.name or "expr" for one in elements)


RULES = (
    Rule(judge_create_index, (IndexStmt,)),
    Rule(judge_reindex, (ReindexStmt,)),
)
