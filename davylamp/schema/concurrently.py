"""Run a CONCURRENTLY statement: outside a transaction, without a lock timeout (which would leave
an invalid index), and so that an interrupted one is repaired by the next run."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import psycopg
from pglast.ast import DropStmt, IndexStmt, ReindexStmt
from pglast.enums import ObjectType
from psycopg import errors

from davylamp.errors import Refused
from davylamp.schema.apply_limits import ApplyLimits
from davylamp.schema.blockers import LockWatch
from davylamp.schema.database import (
    Db,
    TargetDatabase,
    apply_settings,
    first_line,
    is_lost,
    plain_sql,
)
from davylamp.schema.index_state import drop_index, drop_leftovers, find_index
from davylamp.schema.names import quoted, words
from davylamp.schema.statements import Statement


def run_concurrently(
    database: TargetDatabase,
    work: str,
    statement: Statement,
    limits: ApplyLimits,
    *,
    was_begun: bool,
    on_repair: Callable[[str], None],
) -> None:
    """Bring about what the statement says, whatever an earlier try has left.

    `was_begun`: an earlier run was interrupted in it, so it may even be done. Raises `Refused`
    when it can't be done; an invalid index is dropped before that, or by the next run.
    """
    with database.connect(work) as db:
        bounds = {
            "lock_timeout": "0",
            "statement_timeout": f"{limits.concurrently_seconds * 1000:.0f}",
        }
        apply_settings(db, bounds)
        for tried in range(1, limits.concurrently_tries + 1):
            if _is_there(db, statement, on_repair, was_begun=was_begun):
                return
            with LockWatch(database, db.info.backend_pid) as watch:
                failed = _try(db, statement)
            if failed is None:
                return
            was_begun = True
            if (
                not isinstance(failed, errors.DeadlockDetected)
                or tried == limits.concurrently_tries
            ):
                _clear(db, statement, on_repair)
                raise Refused(_said(statement, failed, watch)) from failed
            on_repair(f"deadlock, tried again: {first_line(failed)}")


def _try(db: Db, statement: Statement) -> psycopg.Error | None:
    """The error that is PostgreSQL's answer; a lost connection is raised."""
    try:
        db.execute(plain_sql(statement.sql))
    except psycopg.Error as error:
        if is_lost(db, error):
            raise
        return error
    return None


def _is_there(
    db: Db, statement: Statement, on_repair: Callable[[str], None], *, was_begun: bool
) -> bool:
    """Is there nothing left to do? Clears away what is broken."""
    node = statement.node
    if isinstance(node, IndexStmt):
        return _index_is_there(db, node, on_repair, was_begun=was_begun)
    if isinstance(node, DropStmt) and was_begun and node.removeType == ObjectType.OBJECT_INDEX:
        objects = cast("tuple[tuple[Any, ...], ...]", node.objects or ())
        names = [quoted(*words(one)) for one in objects]
        left = db.execute(
            "SELECT count(*) FROM unnest(%s::text[]) AS name WHERE to_regclass(name) IS NOT NULL",
            [names],
        ).fetchone()
        return bool(left) and left[0] == 0
    if isinstance(node, ReindexStmt) and was_begun:
        _clear(db, statement, on_repair)
    return False


def _index_is_there(
    db: Db, wanted: IndexStmt, on_repair: Callable[[str], None], *, was_begun: bool
) -> bool:
    found = find_index(db, wanted)
    if found is None:
        return False
    name = quoted(found.schema, found.name)
    if found.built_by:
        raise Refused(f"index {name} is being built by session {found.built_by}: wait for it")
    if not found.does_the_work_of(wanted):
        raise Refused(
            f"there is another index {name}, on {found.columns}; give this one a new name"
        )
    if found.is_valid:
        if was_begun or wanted.if_not_exists:
            return True
        raise Refused(f"index {name} is there already; write IF NOT EXISTS if that is fine")
    on_repair(f"index {name} is invalid (a build was interrupted): dropped, to be built again")
    drop_index(db, found.schema, found.name)
    return False


def _clear(db: Db, statement: Statement, on_repair: Callable[[str], None]) -> None:
    """Drop the invalid index that a failed build has left: it costs every write, and serves no
    read."""
    node = statement.node
    if isinstance(node, IndexStmt):
        found = find_index(db, node)
        if found and not found.is_valid and not found.built_by:
            drop_index(db, found.schema, found.name)
            on_repair(f"index {quoted(found.schema, found.name)} was left invalid: dropped")
    elif isinstance(node, ReindexStmt) and node.relation is not None:
        dropped = drop_leftovers(db, node.relation)
        if dropped:
            on_repair(f"{dropped} invalid indexes of an interrupted REINDEX: dropped")


def _said(statement: Statement, error: psycopg.Error, watch: LockWatch) -> str:
    waited = f"; it waited for {watch}" if watch.seen else ""
    return f"line {statement.line}: {statement.sql[:200]}: {first_line(error)}{waited}"
