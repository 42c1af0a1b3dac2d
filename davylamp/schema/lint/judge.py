"""One statement's verdicts."""

from __future__ import annotations

from collections.abc import Iterator

from pglast.ast import AlterTableCmd, AlterTableStmt, PartitionCmd
from pglast.enums import AlterTableType, ObjectType

from davylamp.schema.lint.advice import lines, said
from davylamp.schema.lint.all_rules import BY_KIND
from davylamp.schema.lint.context import Context
from davylamp.schema.lint.part import Kind, Part
from davylamp.schema.lint.verdict import Verdict, expand, refuse
from davylamp.schema.names import name_of
from davylamp.schema.statements import Statement

_FINE_WHILE_EMPTY = frozenset(
    {
        AlterTableType.AT_AddColumn,
        AlterTableType.AT_AddConstraint,
        AlterTableType.AT_AddIdentity,
        AlterTableType.AT_AlterColumnType,
        AlterTableType.AT_ChangeOwner,
        AlterTableType.AT_EnableRowSecurity,
        AlterTableType.AT_ForceRowSecurity,
        AlterTableType.AT_ReplicaIdentity,
        AlterTableType.AT_SetIdentity,
        AlterTableType.AT_SetNotNull,
        AlterTableType.AT_ValidateConstraint,
    }
)
"""On a table that this revision made: there are no rows, and no build knows it."""


def judge(statement: Statement, context: Context) -> tuple[Verdict, ...]:
    """All that the rules say; never empty. Pure: `context` is only read."""
    try:
        return tuple(_verdicts(statement, context))
    except RecursionError:
        return (
            refuse(
                "too-deep",
                "it is nested too deeply to be judged",
                said("write it simpler, or as several statements"),
            ),
        )


def _verdicts(statement: Statement, context: Context) -> Iterator[Verdict]:
    node = statement.node
    if isinstance(node, AlterTableStmt):
        yield from _alter_table(statement, node, context)
    else:
        yield from _by_rules(type(node), Part(node, statement.sql), context)


def _alter_table(statement: Statement, node: AlterTableStmt, context: Context) -> Iterator[Verdict]:
    commands = node.cmds or ()
    if node.objtype == ObjectType.OBJECT_INDEX:
        yield from _alter_index(statement, commands, context)
        return
    if node.objtype != ObjectType.OBJECT_TABLE:
        yield unknown(f"ALTER {ObjectType(node.objtype).name.removeprefix('OBJECT_')}")
        return
    for command in commands:
        part = Part(command, statement.sql, node.relation)
        kind = AlterTableType(command.subtype)
        if kind in _FINE_WHILE_EMPTY and part.table in context.new:
            yield expand("on-new-table")
        else:
            yield from _by_rules(kind, part, context)
    yield from _validates_with_others(node, commands, context)


def _alter_index(
    statement: Statement, commands: tuple[AlterTableCmd, ...], context: Context
) -> Iterator[Verdict]:
    for command in commands:
        if isinstance(command.def_, PartitionCmd):
            kind = AlterTableType(command.subtype)
            yield from _by_rules(kind, Part(command, statement.sql), context)
        else:
            yield unknown("ALTER INDEX")


def _validates_with_others(
    node: AlterTableStmt, commands: tuple[AlterTableCmd, ...], context: Context
) -> Iterator[Verdict]:
    kinds = {AlterTableType(one.subtype) for one in commands}
    is_new = node.relation is not None and name_of(node.relation) in context.new
    if AlterTableType.AT_ValidateConstraint in kinds and len(kinds) > 1 and not is_new:
        yield refuse(
            "validate-with-others",
            "one ALTER TABLE takes the strongest lock of its parts for all of them: the table is "
            "scanned while nobody can read or write it",
            lines("-- each in a statement of its own, VALIDATE in a migrate revision"),
        )


def _by_rules(kind: Kind, part: Part, context: Context) -> Iterator[Verdict]:
    found = [one for rule in BY_KIND.get(kind, ()) for one in rule(part, context)]
    yield from found or [unknown(_words(kind))]


def unknown(what: str) -> Verdict:
    return refuse(
        "unknown-statement",
        f"no rule knows {what}: it is refused, not passed",
        said("leave it out; if it is safe beside live builds, add a rule (docs/schema-lint.md)"),
    )


def _words(kind: Kind) -> str:
    name = kind.name.removeprefix("AT_") if isinstance(kind, AlterTableType) else kind.__name__
    return name.removesuffix("Stmt")
