"""Which of a revision's statements share a transaction. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pglast.ast import TransactionStmt
from pglast.enums import TransactionStmtKind

from davylamp.errors import Refused
from davylamp.schema.statement_kinds import is_concurrent, needs_own_transaction
from davylamp.schema.statements import Statement

_BOUNDARIES = (
    TransactionStmtKind.TRANS_STMT_BEGIN,
    TransactionStmtKind.TRANS_STMT_START,
    TransactionStmtKind.TRANS_STMT_COMMIT,
)


@dataclass(frozen=True)
class Group:
    """Statements that are carried out together or not at all."""

    statements: tuple[Statement, ...]
    end: int
    """How many of the revision's statements are done once this group is."""
    is_concurrent: bool = False
    """One statement that PostgreSQL runs in no transaction."""


def groups_of(statements: Sequence[Statement]) -> tuple[Group, ...]:
    """All statements but BEGIN and COMMIT, which only say where a group ends."""
    groups: list[Group] = []
    open_: list[Statement] = []
    for number, statement in enumerate(statements, start=1):
        alone = needs_own_transaction(statement)
        if alone or _is_boundary(statement):
            _close(groups, open_, number - 1)
            open_ = []
        if alone:
            groups.append(Group((statement,), number, is_concurrent(statement)))
        elif not _is_boundary(statement):
            open_.append(statement)
    _close(groups, open_, len(statements))
    return tuple(groups)


def _close(groups: list[Group], open_: list[Statement], end: int) -> None:
    if open_:
        groups.append(Group(tuple(open_), end))


def _is_boundary(statement: Statement) -> bool:
    node = statement.node
    if not isinstance(node, TransactionStmt):
        return False
    if node.kind not in _BOUNDARIES:
        raise Refused(
            f"line {statement.line}: {statement.sql}: a revision may say BEGIN and COMMIT, and "
            "nothing else about transactions; remove it"
        )
    return True
