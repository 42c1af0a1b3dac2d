"""Retention: forget what nobody needs any more, so that the ledger doesn't grow without end.

What was decided stays for ever: releases, their events, builds, schema events, and the newest
verdicts of every release. What goes is the evidence behind them, second by second; copies that
ended; looks of the audit; findings that were closed; alerts that were sent.

Every batch is a transaction of its own. Killed in the middle, nothing is half done: the next time
goes on with what is left. Two at a time do the work of one.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy import Connection, text

from davylamp.ledger.evidence_retention import count_old_evidence, forget_evidence, old_releases
from davylamp.ledger.releases import database_now
from davylamp.ledger.session import Ledger
from davylamp.settings import Settings

BATCH_ROWS = 5_000
MOST_SECONDS = 600.0
_LIMITS = "SET LOCAL statement_timeout = '10s'; SET LOCAL lock_timeout = '2s'"


@dataclass(frozen=True)
class Keep:
    """How long things are kept, in days."""

    evidence: float
    """Samples, named readings, and all but the newest verdicts, after their release ended."""
    instances: float
    """Copies, after they ended."""
    audits: float
    """Looks; findings and alerts, after they were closed and sent."""

    @classmethod
    def of(cls, settings: Settings) -> Keep:
        return cls(
            evidence=settings.keep_samples_days,
            instances=settings.keep_instances_days,
            audits=settings.keep_audits_days,
        )


@dataclass
class Tidied:
    """Rows by table that went, or would go."""

    rows: dict[str, int] = field(default_factory=dict[str, int])
    is_done: bool = True
    """False where time ran out first: the rest is for the next time."""

    def add(self, table: str, rows: int) -> None:
        self.rows[table] = self.rows.get(table, 0) + rows

    @property
    def total(self) -> int:
        return sum(self.rows.values())


@dataclass(frozen=True)
class _Old:
    """Which rows of a table are old: those that are older than `:before`."""

    table: str
    is_old: str
    days: Callable[[Keep], float]


_OLD = (
    _Old("instances", "state = 'stopped' AND observed_at < :before", lambda k: k.instances),
    _Old("audits", "at < :before AND id < (SELECT max(id) FROM audits)", lambda k: k.audits),
    _Old("audit_findings", "closed_at < :before", lambda k: k.audits),
    _Old("alerts", "coalesce(delivered_at, given_up_at) < :before", lambda k: k.audits),
)
"""Of what is alive, open or pending, no such moment is known: it stays, and so does the last look,
however old it is."""


def tidy(
    ledger: Ledger, keep: Keep, *, now: datetime | None = None, seconds: float = MOST_SECONDS
) -> Tidied:
    """Forget what is older than `keep` says, batch by batch, for so many seconds at most.

    `now` is the ledger's own clock unless given. Raises `Unreachable`; what was done by then
    stays done.
    """
    done, until = Tidied(), time.monotonic() + seconds
    for table, rows in _batches(ledger, keep, now or _ledger_time(ledger)):
        done.add(table, rows)
        if time.monotonic() > until:
            done.is_done = False
            break
    return done


def would_tidy(ledger: Ledger, keep: Keep, *, now: datetime | None = None) -> Tidied:
    """What `tidy` would forget, without doing it. Raises `Unreachable`."""
    found, at = Tidied(), now or _ledger_time(ledger)
    for release in old_releases(lambda: _short(ledger), at - timedelta(days=keep.evidence)):
        with _short(ledger) as db:
            for table, rows in count_old_evidence(db, release).items():
                found.add(table, rows)
    for one in _OLD:
        query = text(f"SELECT count(*) FROM {one.table} WHERE {one.is_old}")
        with _short(ledger) as db:
            before = at - timedelta(days=one.days(keep))
            found.add(one.table, int(db.execute(query, {"before": before}).scalar_one()))
    return found


def _batches(ledger: Ledger, keep: Keep, now: datetime) -> Iterator[tuple[str, int]]:
    """Table and rows of each batch, when it is done. What grows fastest comes first."""
    for release in old_releases(lambda: _short(ledger), now - timedelta(days=keep.evidence)):
        yield from forget_evidence(lambda: _short(ledger), release, BATCH_ROWS)
    for one in _OLD:
        yield from _forget(ledger, one, now - timedelta(days=one.days(keep)))


def _forget(ledger: Ledger, one: _Old, before: datetime) -> Iterator[tuple[str, int]]:
    """What somebody else is writing just now is left to the next time."""
    some = f"SELECT id FROM {one.table} WHERE {one.is_old} LIMIT :rows FOR UPDATE SKIP LOCKED"
    query = text(f"DELETE FROM {one.table} WHERE id IN ({some})")
    rows = BATCH_ROWS
    while rows == BATCH_ROWS:
        with _short(ledger) as db:
            rows = db.execute(query, {"before": before, "rows": BATCH_ROWS}).rowcount
        yield one.table, rows


@contextmanager
def _short(ledger: Ledger) -> Generator[Connection]:
    """A transaction with deadlines of its own: nobody waits long for a tidy ledger."""
    with ledger.begin() as db:
        for limit in _LIMITS.split("; "):
            db.execute(text(limit))
        yield db


def _ledger_time(ledger: Ledger) -> datetime:
    with ledger.begin() as db:
        return database_now(db)
