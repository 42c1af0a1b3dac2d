"""What SQL takes away from a database's shape, and what it adds: for the gates of a release."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, cast

from pglast.ast import (
    AlterEnumStmt,
    AlterObjectSchemaStmt,
    AlterTableCmd,
    AlterTableStmt,
    ColumnDef,
    CreateStmt,
    CreateTableAsStmt,
    DropStmt,
    Node,
    ObjectWithArgs,
    PartitionCmd,
    RangeVar,
    RenameStmt,
    TypeName,
    ViewStmt,
)
from pglast.enums import AlterTableType, DropBehavior, ObjectType

from davylamp.schema.names import Name, name_of, words
from davylamp.schema.statements import split

_RELATIONS = ("table", "view", "matview", "foreign_table", "sequence")
_ON_A_TABLE = ("trigger", "rule", "policy")


@dataclass(frozen=True)
class Dropped:
    """One thing that is no longer there afterwards, under the name it had. Catalog names."""

    kind: str
    """table, column, view, matview, sequence, type, domain, index, function, constraint,
    trigger, schema, value (of an enum) …: PostgreSQL's word for it, in lower case."""
    schema: str
    name: str
    table: str = ""
    """Of a column, constraint or trigger; a relation's own name; otherwise ''."""
    column: str = ""
    cascade: bool = False
    """What depends on it goes too, unnamed: only the database can say what that is."""


@dataclass(frozen=True)
class Added:
    """A table, or a column of one, that is there afterwards."""

    schema: str
    table: str
    column: str = ""
    """'' when it is the table itself."""


def drops_of(sql: str) -> tuple[Dropped, ...]:
    """What `sql` takes away, in order; what it renames or moves is gone under its old name.

    `Unparsable` for SQL that can't be read. SQL put together at run time (DO) is not seen:
    the lint refuses it.
    """
    return tuple(one for found in split(sql) for one in _drops(found.node))


def adds_of(sql: str) -> tuple[Added, ...]:
    """The tables and columns that `sql` adds. A table's columns are not named one by one when
    it is a copy (CREATE TABLE AS, LIKE)."""
    return tuple(one for found in split(sql) for one in _adds(found.node))


def _drops(node: Node) -> Iterator[Dropped]:
    if isinstance(node, DropStmt):
        cascade = node.behavior == DropBehavior.DROP_CASCADE
        for named in node.objects or ():
            yield _dropped_object(_kind(node.removeType), named, cascade)
    elif isinstance(node, AlterTableStmt) and node.relation:
        for command in node.cmds or ():
            yield from _dropped_from(command, name_of(node.relation), node)
    elif isinstance(node, RenameStmt):
        yield from _renamed(node)
    elif isinstance(node, AlterObjectSchemaStmt):
        yield _moved(node)
    elif isinstance(node, AlterEnumStmt) and node.oldVal:
        named = name_of(node.typeName or ())
        yield Dropped("value", named.schema, node.oldVal, named.name)


def _dropped_object(kind: str, named: Any, cascade: bool) -> Dropped:
    if isinstance(named, ObjectWithArgs):
        named = named.objname or ()
    if isinstance(named, TypeName):
        named = named.names or ()
    alone = not isinstance(named, tuple)
    many = (named,) if alone else cast("tuple[Any, ...]", named)
    parts = words(many) or ("",)
    if kind == "schema":
        return Dropped(kind, parts[-1], parts[-1], cascade=cascade)
    if kind in _ON_A_TABLE:
        table = name_of(many[:-1])
        return Dropped(kind, table.schema, parts[-1], table.name, cascade=cascade)
    found = Name("", parts[-1]) if alone else name_of(many)
    table_name = found.name if kind in _RELATIONS else ""
    return Dropped(kind, found.schema, found.name, table_name, cascade=cascade)


def _dropped_from(command: AlterTableCmd, table: Name, node: AlterTableStmt) -> Iterator[Dropped]:
    cascade = command.behavior == DropBehavior.DROP_CASCADE
    name = command.name or ""
    if command.subtype == AlterTableType.AT_DropColumn:
        kind = "attribute" if node.objtype == ObjectType.OBJECT_TYPE else "column"
        yield Dropped(kind, table.schema, name, table.name, name, cascade)
    elif command.subtype == AlterTableType.AT_DropConstraint:
        yield Dropped("constraint", table.schema, name, table.name, cascade=cascade)
    elif command.subtype == AlterTableType.AT_DetachPartition:
        assert isinstance(command.def_, PartitionCmd)
        assert command.def_.name
        part = name_of(command.def_.name)
        yield Dropped("partition", part.schema, part.name, table.name)


def _renamed(node: RenameStmt) -> Iterator[Dropped]:
    kind, old = _kind(node.renameType), node.subname or ""
    if kind in ("column", "attribute") and node.relation:
        table = name_of(node.relation)
        yield Dropped(kind, table.schema, old, table.name, old)
    elif kind == "tabconstraint" and node.relation:
        table = name_of(node.relation)
        yield Dropped("constraint", table.schema, old, table.name)
    elif node.relation:
        table = name_of(node.relation)
        name = old or table.name
        yield Dropped(kind, table.schema, name, table.name if kind != "index" else "")
    elif node.object is not None:
        yield _dropped_object(kind, node.object, cascade=False)
    elif old:
        yield Dropped(kind, old if kind == "schema" else "", old)


def _moved(node: AlterObjectSchemaStmt) -> Dropped:
    kind = _kind(node.objectType)
    if isinstance(node.relation, RangeVar):
        table = name_of(node.relation)
        return Dropped(kind, table.schema, table.name, table.name)
    return _dropped_object(kind, node.object, cascade=False)


def _adds(node: Node) -> Iterator[Added]:
    if isinstance(node, CreateStmt) and node.relation:
        yield from _added_table(node)
    elif isinstance(node, CreateTableAsStmt) and node.into and node.into.rel:
        table = name_of(node.into.rel)
        yield Added(table.schema, table.name)
    elif isinstance(node, ViewStmt) and node.view:
        view = name_of(node.view)
        yield Added(view.schema, view.name)
    elif isinstance(node, AlterTableStmt) and node.relation:
        table = name_of(node.relation)
        for command in node.cmds or ():
            if command.subtype == AlterTableType.AT_AddColumn:
                assert isinstance(command.def_, ColumnDef)
                yield Added(table.schema, table.name, command.def_.colname or "")
    elif isinstance(node, RenameStmt):
        yield from _new_names(node)


def _added_table(node: CreateStmt) -> Iterator[Added]:
    assert node.relation
    table = name_of(node.relation)
    yield Added(table.schema, table.name)
    for one in node.tableElts or ():
        if isinstance(one, ColumnDef):
            yield Added(table.schema, table.name, one.colname or "")


def _new_names(node: RenameStmt) -> Iterator[Added]:
    if not node.relation:
        return
    table, kind, new = name_of(node.relation), _kind(node.renameType), node.newname or ""
    if kind == "column":
        yield Added(table.schema, table.name, new)
    elif kind in _RELATIONS:
        yield Added(table.schema, new)


def _kind(number: Any) -> str:
    return ObjectType(number).name.removeprefix("OBJECT_").lower()
