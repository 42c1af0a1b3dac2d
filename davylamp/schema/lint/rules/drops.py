"""DROP: only once no live build needs it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, cast

from pglast.ast import DropStmt
from pglast.enums import AlterTableType, DropBehavior, ObjectType

from davylamp.schema.lint.advice import lines, said
from davylamp.schema.lint.context import Context
from davylamp.schema.lint.part import Part, Rule
from davylamp.schema.lint.verdict import Verdict, contract, refuse
from davylamp.schema.names import quoted, words

_PROOF = "it runs once the engine has proof that no live build needs it, and not before"
_DROPPABLE = (
    ObjectType.OBJECT_AGGREGATE,
    ObjectType.OBJECT_COLLATION,
    ObjectType.OBJECT_DOMAIN,
    ObjectType.OBJECT_EXTENSION,
    ObjectType.OBJECT_FOREIGN_TABLE,
    ObjectType.OBJECT_FUNCTION,
    ObjectType.OBJECT_MATVIEW,
    ObjectType.OBJECT_PROCEDURE,
    ObjectType.OBJECT_ROUTINE,
    ObjectType.OBJECT_RULE,
    ObjectType.OBJECT_SCHEMA,
    ObjectType.OBJECT_SEQUENCE,
    ObjectType.OBJECT_STATISTIC_EXT,
    ObjectType.OBJECT_TABLE,
    ObjectType.OBJECT_TRIGGER,
    ObjectType.OBJECT_TYPE,
    ObjectType.OBJECT_VIEW,
)
_WHOLE_WORLDS = (ObjectType.OBJECT_SCHEMA, ObjectType.OBJECT_EXTENSION)


def judge_drop(part: Part, context: Context) -> Iterator[Verdict]:
    node: DropStmt = part.node
    kind = ObjectType(node.removeType)
    name = kind.name.removeprefix("OBJECT_").lower().replace("_", "-")
    cascades = node.behavior == DropBehavior.DROP_CASCADE
    if kind == ObjectType.OBJECT_INDEX:
        yield _index(node)
    elif cascades and kind in _WHOLE_WORLDS:
        yield refuse(
            f"drop-{name}",
            "CASCADE takes everything in it away, and nothing of it is named",
            said("drop what is in it one by one, in contract revisions; then this without CASCADE"),
        )
    elif kind in _DROPPABLE:
        yield contract(f"drop-{name}", _PROOF)
        if cascades:
            yield _cascade()


def judge_drop_column(part: Part, context: Context) -> Iterator[Verdict]:
    yield contract("drop-column", _PROOF)
    yield from _cascades(part)


def judge_drop_constraint(part: Part, context: Context) -> Iterator[Verdict]:
    yield contract("drop-constraint", "builds may rely on it: " + _PROOF)
    yield from _cascades(part)


def _cascades(part: Part) -> Iterator[Verdict]:
    if part.node.behavior == DropBehavior.DROP_CASCADE:
        yield _cascade()


def _cascade() -> Verdict:
    return contract(
        "drop-cascade",
        "CASCADE also takes what depends on it and isn't named here: nobody can tell which build "
        "needs that, so a revision may not say it",
        said("name what depends on it in drops of their own, and leave CASCADE out"),
    )


def _index(node: DropStmt) -> Verdict:
    if node.concurrent:
        return contract("drop-index-concurrently", "queries of live builds may need it: " + _PROOF)
    named = [quoted(*words(cast("tuple[Any, ...]", one))) for one in node.objects or ()]
    each = [f"DROP INDEX CONCURRENTLY {name};" for name in named]
    return refuse(
        "drop-index",
        "it waits for every query on the table to end, and stops all new ones meanwhile",
        lines("-- each in a revision of its own:", *each),
    )


RULES = (
    Rule(judge_drop, (DropStmt,)),
    Rule(judge_drop_column, (AlterTableType.AT_DropColumn,)),
    Rule(judge_drop_constraint, (AlterTableType.AT_DropConstraint,)),
)
