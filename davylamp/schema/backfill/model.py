"""What is told of a backfill: while it runs, and at its end."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias


class BackfillState(StrEnum):
    RUNNING = "running"
    """Its rows are being walked; or its worker died: then no lease is alive."""
    PAUSED = "paused"
    STOPPED = "stopped"
    FAILED = "failed"
    VERIFYING = "verifying"
    """All batches are done; rows that aren't migrated are counted."""
    DONE = "done"


@dataclass(frozen=True)
class Progress:
    """How far a backfill is."""

    backfill: str
    state: BackfillState
    rows_done: int
    """Rows looked at."""
    rows_changed: int
    """Those of them that were not migrated before (by the dual write)."""
    rows_estimated: int
    batches: int
    batch_rows: int
    """Rows of the last batch."""
    batch_ms: float
    rows_per_second: float
    """Over the last half minute or so, pauses included."""
    waiting_for: str = ""
    """Why it goes slower than it could; empty when it doesn't."""

    @property
    def share(self) -> float:
        """Done, in [0, 1]; the total is an estimate."""
        if self.state is BackfillState.DONE:
            return 1.0
        return min(1.0, self.rows_done / self.rows_estimated) if self.rows_estimated else 1.0

    @property
    def seconds_left(self) -> float:
        """At this rate; infinite when nothing moves."""
        left = max(0, self.rows_estimated - self.rows_done)
        if left == 0:
            return 0.0
        return left / self.rows_per_second if self.rows_per_second > 0 else float("inf")


@dataclass(frozen=True)
class BackfillResult:
    """How a run ended."""

    backfill: str
    state: BackfillState
    """DONE, PAUSED or STOPPED; whatever else is an error."""
    rows_done: int
    rows_changed: int
    batches: int
    seconds: float
    longest_batch_ms: float
    """Longest that this run kept a row locked."""
    reason: str = ""


OnProgress: TypeAlias = Callable[[Progress], None]


def hear_no_progress(_: Progress) -> None:
    """For callers that want none."""
