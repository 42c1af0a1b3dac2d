"""What a new table or index makes known."""

from __future__ import annotations

from collections.abc import Sequence

from pglast.ast import (
    ColumnDef,
    Constraint,
    CreateStmt,
    CreateTableAsStmt,
    IndexElem,
    IndexStmt,
    RangeVar,
)
from pglast.enums import ConstrType, ObjectType

from davylamp.schema.lint.constraints import learn_constraint
from davylamp.schema.lint.context import Context, TableFacts
from davylamp.schema.lint.tree import columns_in
from davylamp.schema.lint.types import bare_name, column_type
from davylamp.schema.names import name_of, words


def learn_table(node: CreateStmt, context: Context) -> None:
    """A table that was perhaps there before (IF NOT EXISTS) is not known by this."""
    if node.relation is None:
        return
    parents = [name_of(one) for one in node.inhRelations or () if isinstance(one, RangeVar)]
    if node.partbound is not None and node.partbound.is_default:
        context.partitioned.update((one, True) for one in parents if one in context.partitioned)
    if node.if_not_exists:
        return
    table = name_of(node.relation)
    facts = context.tables[table] = TableFacts()
    for element in node.tableElts or ():
        if isinstance(element, ColumnDef):
            learn_column(element, facts)
        elif isinstance(element, Constraint):
            learn_constraint(element, facts, starts_empty=True)
        else:
            facts.held.add("*")  # LIKE brings what isn't seen here
    if parents or node.ofTypename is not None:
        facts.held.add("*")
    for one in parents:
        context.facts(one).held.add("*")  # a change of type goes down to children's own indexes
    if node.partspec is not None:
        context.partitioned[table] = False
    if all(one in context.new for one in parents):
        context.new.add(table)


def learn_column(column: ColumnDef, facts: TableFacts) -> None:
    """A column, from its very beginning."""
    name = column.colname or ""
    facts.types.pop(name, None)
    facts.held.discard(name)
    for known in (facts.not_null, facts.nullable):
        known.discard(name)
    found = column_type(column.typeName)
    if found is not None:
        facts.types[name] = found
    if column.collClause is not None:
        facts.held.add(name)
    constraints = [one for one in column.constraints or () if isinstance(one, Constraint)]
    _learn_null(name, constraints, column, facts)
    for one in constraints:
        learn_constraint(one, facts, starts_empty=True, column=name)


def learn_index(node: IndexStmt, context: Context) -> None:
    if node.relation is None or not node.idxname:
        return
    table = name_of(node.relation)
    elements = [one for one in node.indexParams or () if isinstance(one, IndexElem)]
    plain = tuple(one.name for one in elements if one.name)
    held = columns_in((node.whereClause, *(one.expr for one in elements)))
    if node.whereClause is not None or len(plain) < len(elements):
        # One expression makes PostgreSQL rebuild the whole index.
        context.facts(table).held.update(held, plain)
    schema = type(table)(table.schema, node.idxname)
    context.indexes[schema] = (table, plain)


def learn_copy(node: CreateTableAsStmt, context: Context) -> None:
    """CREATE TABLE AS, CREATE MATERIALIZED VIEW."""
    if node.into is None or node.into.rel is None or node.if_not_exists:
        return
    table = name_of(node.into.rel)
    context.tables.pop(table, None)
    if node.objtype == ObjectType.OBJECT_MATVIEW or node.into.skipData:
        context.new.add(table)


def _learn_null(
    name: str, constraints: Sequence[Constraint], column: ColumnDef, facts: TableFacts
) -> None:
    says = {one.contype for one in constraints}
    kinds = (ConstrType.CONSTR_NOTNULL, ConstrType.CONSTR_PRIMARY, ConstrType.CONSTR_IDENTITY)
    is_serial = column.typeName is not None and "serial" in bare_name(column.typeName)
    if says & set(kinds) or is_serial:
        facts.not_null.add(name)
    else:
        facts.nullable.add(name)


def key_columns(constraint: Constraint) -> tuple[str, ...]:
    return words(constraint.keys or ())
