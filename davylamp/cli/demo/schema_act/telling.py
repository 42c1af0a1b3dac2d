"""What is said while a schema changes: each revision, and now and then how far a backfill is."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

from davylamp.cli.demo.progress import Progress as Lines
from davylamp.cli.schema_bar import said_of
from davylamp.rollout.schema_work import Listener
from davylamp.schema.apply_limits import Step
from davylamp.schema.backfill.model import BackfillState, Progress

_EVERY_SECONDS = 3.0
_QUIET = ("started", "done")


@dataclass
class Telling:
    """Prints, and remembers the backfill for the report."""

    lines: Lines
    rows: int = 0
    """Rows that the backfill migrated."""
    began: float | None = None
    ended: float | None = None
    _said_at: float = field(default=0.0)

    def listener(self) -> Listener:
        return Listener(self._step, self._progress, self._look)

    @property
    def seconds(self) -> float:
        """What the backfill took; 0 when there was none."""
        return 0.0 if self.began is None or self.ended is None else self.ended - self.began

    def _step(self, step: Step) -> None:
        if step.event not in _QUIET:
            self.lines.say(f"  {step.revision} {step.event} {step.detail}".rstrip(), "cyan")

    def _progress(self, progress: Progress) -> None:
        now = time.monotonic()
        self.began = now if self.began is None else self.began
        self.rows, self.ended = progress.rows_changed, now
        if progress.state is BackfillState.DONE or self._is_due(now):
            said = f"{progress.share:>4.0%}  {said_of(progress)}"
            self.lines.say(f"  {progress.backfill} {progress.state} {said}", "")

    def _look(self, seconds_left: float) -> None:
        if self._is_due(time.monotonic()):
            self.lines.say(f"  in quarantine: nobody missed it, {seconds_left:.0f} s left", "")

    def _is_due(self, now: float) -> bool:
        is_due = now - self._said_at >= _EVERY_SECONDS
        self._said_at = now if is_due else self._said_at
        return is_due
