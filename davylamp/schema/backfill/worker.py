"""The worker: batch after batch over one connection, heeding what it is asked and how the
database feels."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import psycopg

from davylamp.schema.backfill.batch import Batch, Walk, prepare_session, run_batch
from davylamp.schema.backfill.limits import BackfillLimits
from davylamp.schema.backfill.load import read_load
from davylamp.schema.backfill.model import BackfillState, OnProgress
from davylamp.schema.backfill.pace import pause_after
from davylamp.schema.backfill.record import Record, read_record, set_state
from davylamp.schema.backfill.stride import Stride
from davylamp.schema.backfill.throttle import held_up_by
from davylamp.schema.blockers import LockWatch
from davylamp.schema.database import Db, TargetDatabase, is_lost
from davylamp.schema.dual_names import id_of
from davylamp.schema.lease import Lease
from davylamp.schema.revision import DualWrite

_POLL_SECONDS = 0.25


class EndedEarly(Exception):
    """Not an error: somebody asked for it, or a bound was reached."""

    def __init__(self, state: BackfillState, reason: str) -> None:
        super().__init__(reason)
        self.state = state
        self.reason = reason


@dataclass
class Worker:
    """One run's memory, over all its connections."""

    database: TargetDatabase
    dual_write: DualWrite
    lease: Lease
    limits: BackfillLimits
    on_progress: OnProgress
    until: float
    """Deadline, by time.monotonic()."""
    stride: Stride
    reached: Callable[[], None] = lambda: None
    """Called after each batch: the database answers."""
    _looked: float = 0.0

    @property
    def backfill(self) -> str:
        return id_of(self.dual_write)

    def walk(self, db: Db) -> None:
        """Batches to the end of the frozen range. Raises `EndedEarly`."""
        prepare_session(db, self.dual_write, self.limits)
        walk = Walk.of(db, self.dual_write)
        with LockWatch(self.database, db.info.backend_pid) as watch:
            while True:
                batch = self._batch(db, walk, watch)
                if batch is None:
                    continue
                if batch.record.wanted != "run":
                    self._heed(db, batch.record)
                    continue
                if batch.rows == 0:
                    return
                self.reached()
                self.on_progress(batch.record.progress(batch.took_ms))
                time.sleep(pause_after(batch.took_ms / 1000, self.limits.throttle.duty))
                self._wait_while_loaded(db, batch.record)
                self._check_deadline()

    def _batch(self, db: Db, walk: Walk, watch: LockWatch) -> Batch | None:
        try:
            batch = run_batch(
                db, self.lease, walk, self.stride.rows, self.stride.cap_ms, self.stride.rate
            )
        except psycopg.Error as error:
            if is_lost(db, error):
                raise
            time.sleep(self.stride.failed(error, str(watch)))
            self._check_deadline()
            return None
        if batch.rows:
            self.stride.succeeded(batch.rows, batch.took_ms)
        return batch

    def _heed(self, db: Db, record: Record) -> None:
        """Stop, or wait to be resumed."""
        if record.wanted == "stop":
            raise EndedEarly(BackfillState.STOPPED, "somebody asked for it to stop")
        set_state(db, self.lease, self.backfill, BackfillState.PAUSED, "paused by hand")
        until = time.monotonic() + self.limits.pause_seconds
        while record.wanted == "pause":
            if time.monotonic() > until:
                raise EndedEarly(BackfillState.PAUSED, "paused, and nobody resumed it")
            self._check_deadline()
            self.on_progress(record.progress(waiting_for="paused by hand"))
            time.sleep(_POLL_SECONDS)
            record = read_record(db, self.backfill) or record

    def _wait_while_loaded(self, db: Db, record: Record) -> None:
        throttle = self.limits.throttle
        if time.monotonic() - self._looked < throttle.look_seconds:
            return
        until = time.monotonic() + throttle.patience_seconds
        said = ""
        while why := held_up_by(read_load(db), throttle):
            if time.monotonic() > until:
                raise EndedEarly(BackfillState.STOPPED, f"waited in vain: {why}")
            if not said:
                set_state(db, self.lease, self.backfill, BackfillState.RUNNING, f"waits: {why}")
                said = why
            self.on_progress(record.progress(waiting_for=why))
            self._check_deadline()
            time.sleep(throttle.look_seconds)
            record = read_record(db, self.backfill) or record
            if record.wanted != "run":
                break
        self._looked = time.monotonic()

    def _check_deadline(self) -> None:
        if time.monotonic() > self.until:
            seconds = self.limits.deadline_seconds
            raise EndedEarly(BackfillState.STOPPED, f"its {seconds:g} s were over")
