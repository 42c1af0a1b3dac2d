"""Run a backfill from wherever it stopped to its verified end."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import TypeVar

import psycopg

from davylamp.errors import DavylampError, Refused, Unreachable
from davylamp.schema.backfill.batch import Walk, prepare_session
from davylamp.schema.backfill.limits import BackfillLimits
from davylamp.schema.backfill.load import sees_everything
from davylamp.schema.backfill.model import (
    BackfillResult,
    BackfillState,
    OnProgress,
    hear_no_progress,
)
from davylamp.schema.backfill.record import Record, begin_pass, open_record, read_record, set_state
from davylamp.schema.backfill.stride import Stride
from davylamp.schema.backfill.verify import count_unmigrated, sample_unmigrated
from davylamp.schema.backfill.worker import EndedEarly, Worker
from davylamp.schema.control import ensure_control, note_step
from davylamp.schema.database import Db, TargetDatabase, apply_settings, first_line
from davylamp.schema.dual_names import id_of
from davylamp.schema.dual_write import install_dual_write
from davylamp.schema.lease import Lease, take_lease
from davylamp.schema.revision import DualWrite

T = TypeVar("T")
_RETRY_SECONDS = 0.3


def lease_of(backfill: str) -> str:
    return f"backfill {backfill}"


def run_backfill(
    database: TargetDatabase,
    dual_write: DualWrite,
    on_progress: OnProgress = hear_no_progress,
    limits: BackfillLimits | None = None,
    revision: str = "",
) -> BackfillResult:
    """Install the dual write, migrate every row that was there, and count what is left.

    Returns DONE once no row is left unmigrated, STOPPED or PAUSED when somebody asked for it or
    a bound was reached. Raises `Refused` when another worker is at it or a row can't be migrated,
    `Unreachable` when the database stayed away. Dying anywhere repeats and skips nothing: the
    next call goes on after the last batch that was committed.
    """
    bounds = limits or BackfillLimits()
    began = time.monotonic()
    with database.connect("control") as db:
        ensure_control(db)
    with take_lease(database, lease_of(id_of(dual_write)), bounds.lease) as lease:
        run = _Run(database, dual_write, lease, bounds, on_progress, began)
        try:
            install_dual_write(database, dual_write, bounds.locks, revision)
            record = run.to_the_end()
        except EndedEarly as ended:
            return run.result(run.ended(ended), ended.state, ended.reason)
        except Unreachable:
            raise
        except (DavylampError, psycopg.Error) as error:
            run.fail(str(error) if isinstance(error, DavylampError) else first_line(error))
            if isinstance(error, psycopg.Error):
                raise Refused(f"{run.backfill}: {first_line(error)}") from error
            raise
        return run.result(record, BackfillState.DONE)


@dataclass
class _Run:
    """A run, over as many connections as it takes."""

    database: TargetDatabase
    dual_write: DualWrite
    lease: Lease
    limits: BackfillLimits
    on_progress: OnProgress
    began: float
    away_since: float = 0.0
    longest_ms: float = 0.0

    @property
    def backfill(self) -> str:
        return id_of(self.dual_write)

    def to_the_end(self) -> Record:
        record = self.reaching(lambda db: open_record(db, self.lease, self.dual_write))
        if record.state is BackfillState.DONE:
            return record
        self.reaching(lambda db: _warn_if_blind(db, self.backfill))
        worker = Worker(
            self.database,
            self.dual_write,
            self.lease,
            self.limits,
            self.on_progress,
            self.began + self.limits.deadline_seconds,
            Stride.first(self.backfill, self.limits),
            self._answered,
        )
        while True:
            try:
                self.reaching(worker.walk)
            finally:
                self.longest_ms = worker.stride.longest_ms
            record = self.reaching(self._verified)
            if record.state is BackfillState.DONE:
                return record

    def reaching(self, work: Callable[[Db], T]) -> T:
        """Do `work` on a connection, and again on another one when that is lost: bounded."""
        while True:
            try:
                with self.database.connect(self.lease.work) as db:
                    done = work(db)
                self._answered()
            except Unreachable:
                now = time.monotonic()
                self.away_since = self.away_since or now
                if now - self.away_since > self.limits.reconnect_seconds:
                    raise
                time.sleep(_RETRY_SECONDS)
            else:
                return done

    def ended(self, early: EndedEarly) -> Record:
        return self.reaching(lambda db: _ended(db, self, early.state, early.reason))

    def fail(self, why: str) -> None:
        """Write down why it stopped; another worker's state is not ours to write."""
        with (
            suppress(DavylampError, psycopg.Error),
            self.database.connect(self.lease.work) as db,
        ):
            set_state(db, self.lease, self.backfill, BackfillState.FAILED, why)

    def result(self, record: Record, state: BackfillState, reason: str = "") -> BackfillResult:
        self.on_progress(record.progress(waiting_for=reason))
        return BackfillResult(
            self.backfill,
            state,
            record.rows_done,
            record.rows_changed,
            record.batches,
            time.monotonic() - self.began,
            self.longest_ms,
            reason,
        )

    def _answered(self) -> None:
        self.away_since = 0.0

    def _verified(self, db: Db) -> Record:
        """Done when nothing is left; otherwise from the beginning, a bounded number of times."""
        prepare_session(db, self.dual_write, self.limits)
        apply_settings(db, {"statement_timeout": "600000", "synchronous_commit": "on"})
        walk = Walk.of(db, self.dual_write)
        set_state(db, self.lease, self.backfill, BackfillState.VERIFYING)
        left = count_unmigrated(db, walk)
        if left == 0:
            return _ended(db, self, BackfillState.DONE)
        record = _read(db, self.backfill)
        if record.pass_number >= self.limits.passes:
            keys = ", ".join(sample_unmigrated(db, walk))
            raise Refused(
                f"{self.backfill}: {left} rows are still not migrated after "
                f"{record.pass_number} passes (keys {keys}, …): something writes past the trigger "
                "(session_replication_role, a disabled trigger), or `forward` never settles"
            )
        begin_pass(db, self.lease, self.dual_write)
        return _read(db, self.backfill)


def _ended(db: Db, run: _Run, state: BackfillState, reason: str = "") -> Record:
    set_state(db, run.lease, run.backfill, state, reason)
    return _read(db, run.backfill)


def _read(db: Db, backfill: str) -> Record:
    record = read_record(db, backfill)
    if record is None:
        raise Refused(f"{backfill}: its control row was removed while it ran; run it again")
    return record


def _warn_if_blind(db: Db, backfill: str) -> None:
    if not sees_everything(db):
        note_step(
            db,
            backfill,
            "throttle is blind",
            "without membership in pg_read_all_stats replicas and others' sessions can't be seen",
        )
