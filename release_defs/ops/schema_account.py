"""What a schema change has done, in words while it goes on and in figures at its end."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from assets.table import text_table
from release_defs.ops.metadata import Metadata

if TYPE_CHECKING:
    from davylamp.schema.apply_limits import Step
    from davylamp.schema.backfill.model import Progress

_COLUMNS = ("revision", "result", "statements", "retries", "repairs", "seconds", "why")
_BACKFILLS = ("backfill", "result", "rows", "rows changed", "batches", "rows/s", "seconds")
_LONGEST = 200
"""Characters of a statement in a line."""


@dataclass
class _Revision:
    began: float
    ended: float
    result: str = "started"
    statements: int = 0
    retries: int = 0
    repairs: int = 0
    why: str = ""


@dataclass
class _Backfill:
    began: float
    rows_before: int
    last: Progress
    ended: float = 0.0

    @property
    def seconds(self) -> float:
        return self.ended - self.began

    @property
    def rows(self) -> int:
        return self.last.rows_done - self.rows_before


@dataclass
class Account:
    """Hears steps and progress; what an earlier run had done is not counted."""

    clock: Callable[[], float] = time.monotonic
    revisions: dict[str, _Revision] = field(default_factory=dict)
    backfills: dict[str, _Backfill] = field(default_factory=dict)

    def step(self, step: Step) -> None:
        now = self.clock()
        one = self.revisions.setdefault(step.revision, _Revision(now, now))
        one.ended = now
        one.statements = max(one.statements, step.statement)
        one.retries += step.event == "retrying"
        one.repairs += step.event == "repaired"
        if step.event in ("applied", "failed"):
            one.result, one.why = step.event, step.detail

    def progress(self, progress: Progress) -> None:
        now = self.clock()
        one = self.backfills.setdefault(progress.backfill, _begun(progress, now))
        one.last, one.ended = progress, now

    def metadata(self) -> Metadata:
        """Single values, and a table each of revisions and backfills; nothing of what wasn't."""
        found: Metadata = {}
        if self.revisions:
            found["revisions"] = text_table(
                _COLUMNS, [_row(*one) for one in self.revisions.items()]
            )
        if self.backfills:
            rows = sum(one.rows for one in self.backfills.values())
            seconds = sum(one.seconds for one in self.backfills.values())
            found["rows"] = rows
            found["rows/s"] = round(rows / seconds) if seconds > 0 else 0
            found["backfills"] = text_table(_BACKFILLS, list(map(_walked, self.backfills.values())))
        return found


def _begun(progress: Progress, now: float) -> _Backfill:
    """What is heard first is the end of this run's first batch; or that an earlier run did all."""
    if progress.state != "running":
        return _Backfill(now, progress.rows_done, progress)
    before = max(0, progress.rows_done - progress.batch_rows)
    return _Backfill(now - progress.batch_ms / 1000, before, progress)


def step_line(step: Step) -> str:
    """`r2: retrying, try 3: blocked by …`"""
    detail = " ".join(step.detail.split())
    short = detail if len(detail) <= _LONGEST else f"{detail[:_LONGEST]} …"
    if step.event == "started":
        short = f"{step.statement} of {step.statements} statements were done"
    return f"{step.revision}: {step.event}" + (f", {short}" if short else "")


def progress_line(progress: Progress) -> str:
    """How far, how fast, how long still, and what it waits for."""
    left = progress.seconds_left
    ending = f", {_duration(left)} left" if math.isfinite(left) and left > 0 else ""
    waits = f"; waits: {progress.waiting_for}" if progress.waiting_for else ""
    return (
        f"{progress.backfill}: {progress.state}, {progress.share:.0%}, {progress.rows_done:,} of "
        f"about {progress.rows_estimated:,} rows, {progress.rows_per_second:,.0f} rows/s"
        f"{ending}{waits}"
    )


def quarantine_line(seconds: float) -> str:
    return f"in quarantine, {_duration(seconds)} left; nobody has missed it"


def _duration(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"


def _row(name: str, one: _Revision) -> dict[str, str]:
    values = (name, one.result, one.statements, one.retries, one.repairs)
    seconds = f"{one.ended - one.began:.1f}"
    return dict(zip(_COLUMNS, (*map(str, values), seconds, one.why), strict=True))


def _walked(one: _Backfill) -> dict[str, str]:
    last = one.last
    rate = f"{one.rows / one.seconds:,.0f}" if one.seconds > 0 else "–"
    counts = (f"{n:,}" for n in (last.rows_done, last.rows_changed, last.batches))
    values = (last.backfill, str(last.state), *counts, rate, f"{one.seconds:.1f}")
    return dict(zip(_BACKFILLS, values, strict=True))
