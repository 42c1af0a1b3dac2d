"""The worker's stride: batch sizes, their bounds, and what it makes of batches that fail."""

from __future__ import annotations

import random
import time
from dataclasses import dataclass, field

import psycopg
from psycopg import errors

from davylamp.errors import Refused
from davylamp.schema.backfill.limits import BackfillLimits
from davylamp.schema.backfill.pace import fewer_rows, next_rows
from davylamp.schema.database import first_line

_LONGEST_CAP_MS = 30_000.0
_RATE_SECONDS = 30.0
_FIRST_WAIT_SECONDS = 0.05
_LONGEST_WAIT_SECONDS = 2.0
_ROW_IS_BAD = (psycopg.DataError, psycopg.IntegrityError, errors.RaiseException)


@dataclass
class Stride:
    """How the next batch is to be taken."""

    backfill: str
    limits: BackfillLimits
    rows: int
    cap_ms: float
    longest_ms: float = 0.0
    """Of the batches that were committed."""
    rate: float = 0.0
    """Rows a second, pauses included; exponentially weighted."""
    _failures: int = 0
    _failing_since: float = 0.0
    _last: float = field(default_factory=time.monotonic)

    @classmethod
    def first(cls, backfill: str, limits: BackfillLimits) -> Stride:
        return cls(backfill, limits, limits.pace.first_rows, limits.pace.longest_ms)

    @property
    def target_ms(self) -> float:
        pace = self.limits.pace
        return pace.gentle_ms if self.limits.throttle.duty < 1 else pace.target_ms

    def succeeded(self, rows: int, took_ms: float) -> None:
        now = time.monotonic()
        seconds, self._last = max(1e-4, now - self._last), now
        share = min(1.0, seconds / _RATE_SECONDS)
        self.rate = rows / seconds if self.rate == 0 else self.rate
        self.rate += share * (rows / seconds - self.rate)
        self.longest_ms = max(self.longest_ms, took_ms)
        self._failures = 0
        if rows == self.rows or took_ms > self.target_ms:
            self.rows = next_rows(self.rows, took_ms, self.target_ms, self.limits.pace)
        self.cap_ms = max(self.limits.pace.longest_ms, self.cap_ms / 2)

    def failed(self, error: psycopg.Error, watched: str) -> float:
        """Seconds to wait before the next try. Raises `Refused` when there is to be none."""
        now = time.monotonic()
        if self._failures == 0:
            self._failing_since = now
        self._failures += 1
        if isinstance(error, errors.DiskFull):
            raise Refused(
                f"{self.backfill}: the database's disk is full ({first_line(error)}); make room, "
                "and run it again: it goes on where it stopped"
            ) from error
        if isinstance(error, _ROW_IS_BAD):
            self._single_out(error)
            return 0.0
        if not isinstance(
            error, errors.LockNotAvailable | errors.DeadlockDetected | errors.QueryCanceled
        ):
            raise Refused(f"{self.backfill}: {first_line(error)}") from error
        if now - self._failing_since > self.limits.row_patience_seconds:
            raise Refused(
                f"{self.backfill}: no batch got through in {self.limits.row_patience_seconds:g} s "
                f"({first_line(error)}), held up by {watched}; end that transaction, and run it "
                "again: it goes on where it stopped"
            ) from error
        if isinstance(error, errors.QueryCanceled) and self.rows == 1:
            self.cap_ms = min(_LONGEST_CAP_MS, self.cap_ms * 2)
        self.rows = fewer_rows(self.rows)
        longest = min(_LONGEST_WAIT_SECONDS, _FIRST_WAIT_SECONDS * 2.0 ** min(self._failures, 10))
        return longest * (0.5 + random.random() / 2)

    def _single_out(self, error: psycopg.Error) -> None:
        if self.rows == 1:
            raise Refused(
                f"{self.backfill}: the next row can't be migrated: {first_line(error)}"
                f"{_where(error)}; correct the row, or the revision's `forward`, and run it again"
            ) from error
        self.rows = max(1, self.rows // 10)


def _where(error: psycopg.Error) -> str:
    detail = error.diag.message_detail
    return f" ({detail})" if detail else ""
