"""How a statement has to be run: within a transaction with others, in its own, or in none."""

from __future__ import annotations

from collections.abc import Sequence

from pglast.ast import (
    AlterEnumStmt,
    AlterTableStmt,
    DefElem,
    DropStmt,
    IndexStmt,
    Node,
    PartitionCmd,
    ReindexStmt,
    String,
)
from pglast.enums import AlterTableType

from davylamp.schema.statements import Statement


def is_concurrent(statement: Statement) -> bool:
    """It can't run within a transaction, and a short lock_timeout would break it half-way:
    CREATE, DROP and REINDEX … CONCURRENTLY, DETACH PARTITION … CONCURRENTLY."""
    node = statement.node
    if isinstance(node, IndexStmt | DropStmt):
        return bool(node.concurrent)
    if isinstance(node, ReindexStmt):
        return reindexes_concurrently(node)
    if isinstance(node, AlterTableStmt):
        return any(_detaches_concurrently(one.def_) for one in node.cmds or ())
    return False


def needs_own_transaction(statement: Statement) -> bool:
    """Nothing else may run in its transaction: what is_concurrent, a VALIDATE (it may take
    long, and would hold what came before it locked), an added enum value (not usable before
    the transaction ends)."""
    node = statement.node
    if isinstance(node, AlterTableStmt):
        kinds = {one.subtype for one in node.cmds or ()}
        if AlterTableType.AT_ValidateConstraint in kinds:
            return True
    return isinstance(node, AlterEnumStmt) or is_concurrent(statement)


def reindexes_concurrently(node: ReindexStmt) -> bool:
    return is_on(node.params or (), "concurrently")


def is_on(options: Sequence[Node], name: str) -> bool:
    """Is an option of a list like `(CONCURRENTLY, VERBOSE off)` given, and not as off?"""
    found = [one for one in options if isinstance(one, DefElem) and one.defname == name]
    return bool(found) and not _says_off(found[-1])


def _says_off(option: DefElem) -> bool:
    value = option.arg
    if value is None:
        return False
    text = value.sval if isinstance(value, String) else str(getattr(value, "ival", ""))
    return (text or "").lower() in ("false", "off", "0", "no", "f", "n")


def _detaches_concurrently(definition: Node | None) -> bool:
    return isinstance(definition, PartitionCmd) and bool(definition.concurrent)
