"""Carry out one revision, group by group; each group's end is recorded in its own transaction, so
a run that died goes on after the last group that was done."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace

import psycopg
from pglast.ast import AlterTableStmt
from pglast.enums import AlterTableType

from davylamp.errors import DavylampError, Refused, Unreachable
from davylamp.schema.apply_limits import ApplyLimits, OnStep, Step
from davylamp.schema.concurrently import run_concurrently
from davylamp.schema.control import note_step
from davylamp.schema.database import Db, TargetDatabase, first_line, plain_sql
from davylamp.schema.groups import Group, groups_of
from davylamp.schema.history import read_recorded, write_version
from davylamp.schema.lease import Lease
from davylamp.schema.patience import LockLimits, with_patience
from davylamp.schema.revision import Revision
from davylamp.schema.statements import Statement, split

_BEGIN = """
INSERT INTO davylamp.revisions (id, sha256, phase, state, statements)
VALUES (%(id)s, %(sha256)s, %(phase)s, 'running', %(statements)s)
ON CONFLICT (id) DO UPDATE SET sha256 = excluded.sha256, phase = excluded.phase,
    state = 'running', statements = excluded.statements, reason = ''
"""
_FINISH = """
UPDATE davylamp.revisions SET state = 'applied', done = statements, reason = '',
    ended_at = clock_timestamp() WHERE id = %s
"""


def nothing(*_: object) -> None:
    """Its statements are all there is to do."""


@dataclass(frozen=True)
class Run:
    """One revision on its way."""

    database: TargetDatabase
    revision: Revision
    lease: Lease
    limits: ApplyLimits
    on_step: OnStep
    first: Callable[[], None] = nothing
    """Done before its first statement; idempotent."""
    before: Callable[[Db, tuple[Statement, ...]], None] = nothing
    """Done first in each transaction, which may be tried several times."""
    after: Callable[[Db, tuple[Statement, ...]], None] = nothing
    """Done last in it."""


def carry_out(run: Run) -> None:
    """From wherever an earlier run stopped to the end. Records where and why it stops."""
    statements = split(run.revision.sql)
    groups = groups_of(statements)
    done, entered = _begin(run, len(statements))
    try:
        run.first()
        for group in groups:
            if group.end > done:
                _do(run, group, was_begun=entered >= group.end)
        _finish(run)
    except Unreachable:
        raise  # nobody can write it down; the row still says running, at this statement
    except DavylampError as error:
        fail(run, str(error))
        raise
    except psycopg.Error as error:
        fail(run, first_line(error))
        raise Refused(f"revision {run.revision.id} ({run.revision.file}): {error}") from error
    _say(run, "applied", len(statements))


def fail(run: Run, why: str) -> None:
    """Write down why it stopped, if the database lets us."""
    run.on_step(Step(run.revision.id, "failed", detail=why))
    with suppress(Unreachable, psycopg.Error), run.database.connect("control") as db:
        db.execute(
            "UPDATE davylamp.revisions SET state = 'failed', reason = %s "
            "WHERE id = %s AND state = 'running'",
            [why[:2000], run.revision.id],
        )
        note_step(db, run.revision.id, "failed", why)


def _begin(run: Run, statements: int) -> tuple[int, int]:
    with run.database.connect(run.lease.work) as db, db.transaction():
        run.lease.hold(db)
        one = run.revision
        given = {"id": one.id, "sha256": one.sha256, "phase": one.phase.value}
        db.execute(_BEGIN, given | {"statements": statements})
        recorded = read_recorded(db)[one.id]
        note_step(db, one.id, "started", f"{recorded.done} of {statements} statements were done")
    run.on_step(Step(one.id, "started", recorded.done, statements))
    return recorded.done, recorded.entered


def _do(run: Run, group: Group, *, was_begun: bool) -> None:
    if not group.is_concurrent:
        _together(run, group)
        return
    if not was_begun:
        _mark(run, "entered", group.end)
    run_concurrently(
        run.database,
        run.lease.work,
        group.statements[0],
        run.limits,
        was_begun=was_begun,
        on_repair=lambda what: _say(run, "repaired", group.end - 1, what),
    )
    _mark(run, "done", group.end)
    _say(run, "done", group.end, group.statements[0].sql)


def _together(run: Run, group: Group) -> None:
    def work(db: Db) -> None:
        run.lease.hold(db)
        run.before(db, group.statements)
        for statement in group.statements:
            _execute(db, statement)
        run.after(db, group.statements)
        db.execute(
            "UPDATE davylamp.revisions SET done = %s WHERE id = %s", [group.end, run.revision.id]
        )

    with_patience(
        run.database,
        run.lease.work,
        f"revision {run.revision.id}, line {group.statements[0].line}",
        _locks(run.limits, group),
        work,
        lambda tried, who: _say(run, "retrying", group.end - 1, f"try {tried}: blocked by {who}"),
    )
    _say(run, "done", group.end, "; ".join(one.sql for one in group.statements))


def _execute(db: Db, statement: Statement) -> None:
    try:
        db.execute(plain_sql(statement.sql))
    except psycopg.errors.QueryCanceled as error:
        raise Refused(
            f"line {statement.line}: {statement.sql[:200]}: it held its locks for too long and was "
            f"cancelled ({first_line(error)}); it does more than change the catalog: "
            "`davylamp schema lint` says how to do it without"
        ) from error


def _locks(limits: ApplyLimits, group: Group) -> LockLimits:
    """A VALIDATE reads the whole table; it keeps nobody from writing."""
    node = group.statements[0].node
    if isinstance(node, AlterTableStmt) and any(
        one.subtype == AlterTableType.AT_ValidateConstraint for one in node.cmds or ()
    ):
        return replace(limits.locks, statement_seconds=limits.validate_seconds)
    return limits.locks


def _finish(run: Run) -> None:
    def work(db: Db) -> None:
        run.lease.hold(db)
        db.execute(_FINISH, [run.revision.id])
        write_version(db, run.revision.id)
        note_step(db, run.revision.id, "applied")

    what = f"revision {run.revision.id}, its record"
    with_patience(run.database, run.lease.work, what, run.limits.locks, work)


def _mark(run: Run, column: str, end: int) -> None:
    with run.database.connect(run.lease.work) as db, db.transaction():
        run.lease.hold(db)
        statement = {
            "entered": "UPDATE davylamp.revisions SET entered = %s WHERE id = %s",
            "done": "UPDATE davylamp.revisions SET done = %s WHERE id = %s",
        }
        db.execute(plain_sql(statement[column]), [end, run.revision.id])


def _say(run: Run, event: str, done: int, detail: str = "") -> None:
    run.on_step(Step(run.revision.id, event, done, detail=detail))
    if event in ("repaired", "retrying"):
        with suppress(Unreachable, psycopg.Error), run.database.connect("control") as db:
            note_step(db, run.revision.id, event, detail)
