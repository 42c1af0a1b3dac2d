"""How much a release writes into the ledger: rows by table, statements, transactions.

PostgreSQL counts the rows, whoever wrote them: the driver, the traffic controller, the keeper.
The driver's statements are counted where it sends them.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import event, text

from benchmarks.plane import BenchPlane, bench_plane, entry, say
from benchmarks.report import Figure, Report
from benchmarks.users import users
from davylamp.ledger.releases import events_of
from davylamp.ledger.session import Ledger
from davylamp.rollout.conduct import Conduct
from davylamp.rollout.drive import drive

SERVICE = "written"
STEPS = ((0.01, 10), (0.05, 20), (0.25, 30), (1.0, 30))
QUICK_STEPS = ((0.05, 3), (0.25, 10), (1.0, 5))
JUDGE = "{minimum_requests: 50, minimum_ticks: 8}"
RATE = 100
_FLUSH_SECONDS = 12.0
"""An idle connection hands its counts in after ten seconds."""
_TABLES = """
SELECT relname, n_tup_ins, n_tup_upd + n_tup_del FROM pg_stat_user_tables
WHERE relname <> 'alembic_version'
"""
_TRANSACTIONS = "SELECT xact_commit FROM pg_stat_database WHERE datname = current_database()"


@dataclass(frozen=True)
class Written:
    """Rows since the plane began, by table."""

    inserted: Counter[str]
    changed: Counter[str]
    transactions: int

    def __sub__(self, other: Written) -> Written:
        return Written(
            _minus(self.inserted, other.inserted),
            _minus(self.changed, other.changed),
            self.transactions - other.transactions,
        )


@dataclass
class Statements:
    """What one process has sent, by kind."""

    reads: int = 0
    writes: int = 0
    while_stepping: Counter[str] = field(default_factory=Counter[str])


def run(quick: bool) -> Report:
    steps = QUICK_STEPS if quick else STEPS
    with bench_plane(entry(SERVICE, steps, JUDGE)) as plane:
        plane.make_stable(SERVICE, "1.0.0")
        version = plane.push(SERVICE, "1.1.0")
        with users(plane, SERVICE, RATE):
            idle_seconds = 10.0 if quick else 30.0
            idle, idle_seconds = _idle(plane, idle_seconds)
            written, statements, seconds = _release(plane, version)
    return _report(idle, idle_seconds, written, statements, seconds)
