"""What an ALTER TABLE makes known."""

from __future__ import annotations

from pglast.ast import (
    AlterTableCmd,
    AlterTableStmt,
    ColumnDef,
    Constraint,
    PartitionBoundSpec,
    PartitionCmd,
)
from pglast.enums import AlterTableType, ConstrType, DropBehavior, ObjectType

from davylamp.schema.lint.constraints import learn_constraint
from davylamp.schema.lint.context import Context, TableFacts
from davylamp.schema.lint.learn_tables import learn_column
from davylamp.schema.lint.types import column_type
from davylamp.schema.names import Name, name_of

_FORGETS_THE_TABLE = (
    AlterTableType.AT_AddInherit,
    AlterTableType.AT_DropInherit,
    AlterTableType.AT_AddOf,
    AlterTableType.AT_DropOf,
)


def learn_alter_table(node: AlterTableStmt, context: Context) -> None:
    if node.relation is None or node.objtype == ObjectType.OBJECT_INDEX:
        return
    table = name_of(node.relation)
    for command in node.cmds or ():
        if command.behavior == DropBehavior.DROP_CASCADE:
            context.forget()
        elif command.subtype in _FORGETS_THE_TABLE:
            context.tables.pop(table, None)
            context.new.discard(table)
        elif isinstance(command.def_, PartitionCmd):
            _learn_partition(command, command.def_, table, context)
        else:
            _learn_command(command, context.facts(table))


def _learn_command(command: AlterTableCmd, facts: TableFacts) -> None:
    name, kind, definition = command.name or "", command.subtype, command.def_
    if kind == AlterTableType.AT_AddColumn and isinstance(definition, ColumnDef):
        if not command.missing_ok:
            learn_column(definition, facts)
    elif kind == AlterTableType.AT_DropColumn:
        _forget_column(name, facts)
    elif kind == AlterTableType.AT_AlterColumnType and isinstance(definition, ColumnDef):
        _learn_type(name, definition, facts)
    elif kind == AlterTableType.AT_SetNotNull:
        facts.not_null.add(name)
        facts.nullable.discard(name)
    elif kind == AlterTableType.AT_DropNotNull:
        _learn_nullable(name, facts)
    elif kind == AlterTableType.AT_AddConstraint and isinstance(definition, Constraint):
        if definition.indexname and definition.contype != ConstrType.CONSTR_PRIMARY:
            return
        learn_constraint(definition, facts)
    elif kind == AlterTableType.AT_ValidateConstraint and name in facts.proofs:
        facts.proofs[name].is_valid = True
    elif kind in (AlterTableType.AT_DropConstraint, AlterTableType.AT_AlterConstraint):
        facts.proofs.pop(name, None)
        facts.not_null.clear()  # PostgreSQL 18 names NOT NULL constraints too


def _learn_type(name: str, definition: ColumnDef, facts: TableFacts) -> None:
    found = column_type(definition.typeName)
    seen_from_its_beginning = name in facts.types
    facts.types.pop(name, None)
    if found is not None and seen_from_its_beginning:
        facts.types[name] = found
    if definition.collClause is not None:
        facts.held.add(name)


def _learn_nullable(name: str, facts: TableFacts) -> None:
    facts.not_null.discard(name)
    facts.nullable.add(name)
    for key in [key for key, proof in facts.proofs.items() if name in proof.columns]:
        # It may have been the NOT NULL constraint itself; a CHECK would have stayed.
        del facts.proofs[key]


def _forget_column(name: str, facts: TableFacts) -> None:
    facts.types.pop(name, None)
    facts.not_null.discard(name)
    facts.nullable.discard(name)
    for key in [key for key, proof in facts.proofs.items() if name in proof.columns]:
        del facts.proofs[key]


def _learn_partition(
    command: AlterTableCmd, definition: PartitionCmd, parent: Name, context: Context
) -> None:
    if command.subtype != AlterTableType.AT_AttachPartition or definition.name is None:
        return
    child = name_of(definition.name)
    bound = definition.bound
    context.facts(parent).held.add("*")
    is_default = isinstance(bound, PartitionBoundSpec) and bool(bound.is_default)
    if is_default and parent in context.partitioned:
        context.partitioned[parent] = True
    if parent not in context.new:
        context.new.discard(child)  # rows may come in through the parent
