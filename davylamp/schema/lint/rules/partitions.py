"""Partitions: adding one may scan the default partition, taking one away takes rows away.

Also the file to copy for a new rule: a function that yields verdicts, and RULES.
"""

from __future__ import annotations

from collections.abc import Iterator

from pglast.ast import CreateStmt, PartitionCmd, RangeVar
from pglast.enums import AlterTableType

from davylamp.schema.lint.advice import lines, said
from davylamp.schema.lint.context import Context
from davylamp.schema.lint.part import Part, Rule
from davylamp.schema.lint.verdict import Verdict, contract, expand, refuse
from davylamp.schema.names import name_of, written

_DEFAULT_IS_SCANNED = (
    "if the table has a default partition, that is scanned for rows that belong into the new one, "
    "under a lock that stops reads and writes; it isn't known from the statements before that "
    "there is none"
)


def judge_partition(part: Part, node: CreateStmt, context: Context) -> Verdict:
    """CREATE TABLE … PARTITION OF."""
    parents = [one for one in node.inhRelations or () if isinstance(one, RangeVar)]
    if all(_is_known_without_default(one, context) for one in parents):
        return expand("create-partition")
    return refuse("create-partition", _DEFAULT_IS_SCANNED, _without_default())


def judge_attach(part: Part, context: Context) -> Iterator[Verdict]:
    definition: PartitionCmd = part.node.def_
    assert definition.name is not None
    if part.relation is None:
        yield expand("attach-index")  # an index to an index: an entry in the catalog
    elif name_of(definition.name) not in context.new:
        yield refuse(
            "attach-partition",
            f"{written(definition.name)} is scanned for rows outside of its bounds, while nobody "
            "can read or write it",
            said(
                "CREATE TABLE it anew in this revision, empty, attach it, and let the backfill "
                "bring the rows over"
            ),
        )
    elif _is_known_without_default(part.relation, context):
        yield expand("attach-partition")
    else:
        yield refuse("attach-partition", _DEFAULT_IS_SCANNED, _without_default())


def judge_detach(part: Part, context: Context) -> Iterator[Verdict]:
    definition: PartitionCmd = part.node.def_
    assert definition.name is not None
    finalizes = part.node.subtype == AlterTableType.AT_DetachPartitionFinalize
    if definition.concurrent or finalizes:
        yield contract("detach-partition", "live builds no longer find its rows in the table")
        return
    safe = f"ALTER TABLE {part.written_table} DETACH PARTITION {written(definition.name)}"
    yield refuse(
        "detach-partition",
        "it waits for every query on the table to end, and stops all new ones meanwhile",
        lines("-- in a revision of its own:", f"{safe} CONCURRENTLY;"),
    )


def _is_known_without_default(parent: RangeVar, context: Context) -> bool:
    return not context.partitioned.get(name_of(parent), True)


def _without_default() -> str:
    return said(
        "lint the folder with the table's whole history; or make sure that it has no default "
        "partition, and attach this one by hand"
    )


RULES = (
    Rule(judge_attach, (AlterTableType.AT_AttachPartition,)),
    Rule(
        judge_detach,
        (AlterTableType.AT_DetachPartition, AlterTableType.AT_DetachPartitionFinalize),
    ),
)
