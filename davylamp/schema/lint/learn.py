"""What a statement makes known for those after it."""

from __future__ import annotations

from pglast.ast import (
    AlterDomainStmt,
    AlterEnumStmt,
    AlterObjectSchemaStmt,
    AlterSeqStmt,
    AlterTableStmt,
    CallStmt,
    CommentStmt,
    CompositeTypeStmt,
    CreateDomainStmt,
    CreateEnumStmt,
    CreateExtensionStmt,
    CreateFunctionStmt,
    CreatePolicyStmt,
    CreateRangeStmt,
    CreateSchemaStmt,
    CreateSeqStmt,
    CreateStatsStmt,
    CreateStmt,
    CreateTableAsStmt,
    CreateTrigStmt,
    DefineStmt,
    DeleteStmt,
    DropStmt,
    GrantStmt,
    IndexStmt,
    InsertStmt,
    Node,
    RefreshMatViewStmt,
    ReindexStmt,
    RenameStmt,
    RuleStmt,
    SelectStmt,
    TruncateStmt,
    UpdateStmt,
    VacuumStmt,
    VariableShowStmt,
    ViewStmt,
)
from pglast.enums import DropBehavior, ObjectType

from davylamp.schema.lint.context import Context
from davylamp.schema.lint.learn_columns import learn_alter_table
from davylamp.schema.lint.learn_tables import learn_copy, learn_index, learn_table
from davylamp.schema.names import Name, name_of

_LEAVES_ALL_AS_IT_WAS = (
    AlterDomainStmt,
    AlterEnumStmt,
    AlterSeqStmt,
    CommentStmt,
    CreateExtensionStmt,
    CreateFunctionStmt,
    CreatePolicyStmt,
    CreateSchemaStmt,
    CreateSeqStmt,
    CreateStatsStmt,
    CreateTrigStmt,
    DefineStmt,
    DeleteStmt,
    GrantStmt,
    InsertStmt,
    RefreshMatViewStmt,
    ReindexStmt,
    RuleStmt,
    SelectStmt,
    TruncateStmt,
    UpdateStmt,
    VacuumStmt,
    VariableShowStmt,
    ViewStmt,
)
"""Nothing that Context holds becomes untrue by them."""


def learn(node: Node, context: Context) -> None:
    """Note in `context` what is true after a statement. What it can't follow, it forgets."""
    if isinstance(node, CreateStmt):
        learn_table(node, context)
    elif isinstance(node, CreateTableAsStmt):
        learn_copy(node, context)
    elif isinstance(node, AlterTableStmt):
        learn_alter_table(node, context)
    elif isinstance(node, IndexStmt):
        learn_index(node, context)
    elif isinstance(node, CreateEnumStmt | CreateRangeStmt):
        context.plain_types.add(name_of(node.typeName or ()))
    elif isinstance(node, CompositeTypeStmt) and node.typevar:
        context.plain_types.add(name_of(node.typevar))
    elif isinstance(node, CreateDomainStmt):
        context.domains.add(name_of(node.domainname or ()))
    elif isinstance(node, DropStmt):
        _learn_drop(node, context)
    elif isinstance(node, RenameStmt | AlterObjectSchemaStmt):
        _learn_rename(node, context)
    elif isinstance(node, CallStmt) or not isinstance(node, _LEAVES_ALL_AS_IT_WAS):
        context.forget()


def _learn_drop(node: DropStmt, context: Context) -> None:
    if node.behavior == DropBehavior.DROP_CASCADE:
        context.forget()  # a CHECK goes with a function it calls
        return
    for one in node.objects or ():
        name = name_of(getattr(one, "names", one) or ()) if not _is_string(one) else None
        if name is None:
            continue
        if node.removeType == ObjectType.OBJECT_TABLE:
            context.tables.pop(name, None)
            context.partitioned.pop(name, None)
            context.new.discard(name)
        context.plain_types.discard(name)
        context.domains.discard(name)
        context.indexes.pop(name, None)


def _learn_rename(node: RenameStmt | AlterObjectSchemaStmt, context: Context) -> None:
    if node.relation is None:
        context.forget()
        return
    old = name_of(node.relation)
    if isinstance(node, RenameStmt):
        new = Name(old.schema, node.newname or "")
    else:
        new = Name(node.newschema or "", old.name)
    for name in (old, new):
        context.tables.pop(name, None)
        context.partitioned.pop(name, None)
        context.new.discard(name)
    context.indexes.clear()
    context.plain_types.clear()


def _is_string(one: object) -> bool:
    return hasattr(one, "sval")
