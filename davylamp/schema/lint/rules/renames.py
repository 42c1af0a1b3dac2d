"""RENAME, SET SCHEMA: to live builds, what had the name is gone."""

from __future__ import annotations

from collections.abc import Iterator

from pglast.ast import AlterEnumStmt, AlterObjectSchemaStmt, RenameStmt
from pglast.enums import ObjectType

from davylamp.schema.lint.advice import CONTRACT_LATER, MIGRATE_LATER, dual_write, lines, said
from davylamp.schema.lint.context import Context
from davylamp.schema.lint.part import Part, Rule
from davylamp.schema.lint.verdict import Verdict, expand, refuse
from davylamp.schema.names import name_of, quoted, written

_TABLES = (ObjectType.OBJECT_TABLE, ObjectType.OBJECT_VIEW)


def judge_rename(part: Part, context: Context) -> Iterator[Verdict]:
    node: RenameStmt = part.node
    kind = ObjectType(node.renameType).name.removeprefix("OBJECT_").lower()
    yield refuse(
        f"rename-{kind.replace('_', '-')}",
        "live builds use the old name, and would fail from that moment on",
        _advice(node, context),
    )


def judge_move(part: Part, context: Context) -> Iterator[Verdict]:
    yield refuse(
        "set-schema",
        "live builds look for it where it is now, and would fail from that moment on",
        said(
            "make the new one beside the old (CREATE …), move builds over to it, then drop the old"
            " one in a revision of a later release"
        ),
    )


def judge_enum(part: Part, context: Context) -> Iterator[Verdict]:
    node: AlterEnumStmt = part.node
    name = name_of(node.typeName or ())
    if not node.oldVal:
        yield expand(
            "add-enum-value",
            "builds that can read the value must be live before the first build writes it; it "
            "runs in a transaction of its own, and counts once that has ended",
        )
        return
    new = _literal(node.newVal or "")
    yield refuse(
        "rename-enum-value",
        f"live builds write and compare with {_literal(node.oldVal)}, and would fail from that "
        "moment on",
        lines(
            "-- in a revision of its own:",
            f"ALTER TYPE {name} ADD VALUE {new};",
            "-- let builds read both values, then write the new one only; the old one stays",
        ),
    )


def _advice(node: RenameStmt, context: Context) -> str:
    if node.renameType == ObjectType.OBJECT_COLUMN and node.relation is not None:
        return _column(node, context)
    if node.renameType in _TABLES and node.relation is not None:
        old = written(node.relation)
        new = quoted(*((node.relation.schemaname,) if node.relation.schemaname else ()),
                     node.newname or "")  # fmt: skip
        return lines(
            "-- one copy of the rows, two names: builds may read and write through the view",
            f"CREATE VIEW {new} AS SELECT * FROM {old};",
            "-- the table keeps its old name; nothing has to be dropped",
        )
    return said(
        "make a new one with the new name beside the old, move builds over to it, then drop the "
        "old one in a revision of a later release"
    )


def _column(node: RenameStmt, context: Context) -> str:
    assert node.relation is not None
    old, new, table = node.subname or "", node.newname or "", name_of(node.relation)
    kind = context.type_of(table, old)
    length = f"({', '.join(map(str, kind.length))})" if kind and kind.length else ""
    of_type = f"{kind.name}{length}{'[]' * kind.is_array}" if kind else ""
    add = f"ALTER TABLE {written(node.relation)} ADD COLUMN {quoted(new)}"
    return lines(
        f"{add} {of_type};" if of_type else f"-- {add} (the type of {quoted(old)});",
        MIGRATE_LATER,
        dual_write(table.name, old, new, table.schema),
        CONTRACT_LATER,
        f"ALTER TABLE {written(node.relation)} DROP COLUMN {quoted(old)};",
    )


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


RULES = (
    Rule(judge_rename, (RenameStmt,)),
    Rule(judge_move, (AlterObjectSchemaStmt,)),
    Rule(judge_enum, (AlterEnumStmt,)),
)
