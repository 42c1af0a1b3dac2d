"""How much a release writes into the ledger: rows by table, statements, transactions.

PostgreSQL counts the rows, whoever wrote them: the driver, the traffic controller, the keeper.
The driver's statements are counted where it sends them.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass

import psycopg
from sqlalchemy import event

from benchmarks.plane import BenchPlane, bench_plane, entry, say
from benchmarks.report import Figure, Report
from benchmarks.users import users
from davylamp.errors import Unreachable
from davylamp.ledger.models import ReleaseState
from davylamp.ledger.session import Ledger
from davylamp.rollout.conduct import Conduct, Tick
from davylamp.rollout.drive import drive
from davylamp.rollout.state import Phase

SERVICE = "written"
STEPS = ((0.01, 10), (0.05, 20), (0.25, 30), (1.0, 30))
QUICK_STEPS = ((0.05, 3), (0.25, 10), (1.0, 5))
JUDGE = "{minimum_requests: 50, minimum_ticks: 8}"
RATE = 100
_FLUSH_SECONDS = 12.0
"""An idle connection hands its counts in after ten seconds."""
_ROWS = """
SELECT relname, n_tup_ins + n_tup_upd + n_tup_del FROM pg_stat_user_tables
WHERE relname <> 'alembic_version'
"""
_TRANSACTIONS = "SELECT xact_commit FROM pg_stat_database WHERE datname = current_database()"


@dataclass(frozen=True)
class Written:
    """What had been written at one moment (Unix seconds), or between two."""

    at: float
    rows: Counter[str]
    """Inserted, changed and deleted ones, by table."""
    transactions: int

    def since(self, before: Written) -> Written:
        """`at` becomes the seconds between."""
        rows = Counter({t: self.rows[t] - before.rows[t] for t in self.rows})
        return Written(self.at - before.at, rows, self.transactions - before.transactions)

    @property
    def rows_a_second(self) -> float:
        return self.rows.total() / self.at


@dataclass(frozen=True)
class Found:
    idle: Written
    stepping: Written
    release: Written
    statements: Counter[str]
    """Of the driver, over the whole release: reads and writes."""
    statements_stepping: Counter[str]


def run(quick: bool) -> Report:
    steps = QUICK_STEPS if quick else STEPS
    with bench_plane(entry(SERVICE, steps, JUDGE)) as plane:
        plane.make_stable(SERVICE, "1.0.0")
        version = plane.push(SERVICE, "1.1.0")
        with users(plane, SERVICE, RATE):
            found = _measure(plane, version, steps)
    return _report(found, steps)


def _measure(plane: BenchPlane, version: str, steps: tuple[tuple[float, float], ...]) -> Found:
    moments: list[tuple[Written, Counter[str]]] = []

    def note(tick: Tick) -> None:
        if tick.progress.phase is Phase.STEPPING and tick.progress.step == len(steps) - 2:
            moments.append((_written(plane), sent.copy()))

    idle = _idle(plane, steps[-2][1])
    say("a release, from its first row to its end")
    before = _written(plane)
    with _counting(plane.ledger) as sent:
        ended = drive(_open(plane, version), note)
    if ended.state is not ReleaseState.PROMOTED:
        raise Unreachable(f"the release was not promoted: {ended.reason}")
    release = _settled(plane).since(before)
    (first, sent_first), (last, sent_last) = moments[0], moments[-1]
    return Found(idle, last.since(first), release, sent, sent_last - sent_first)


def _open(plane: BenchPlane, version: str) -> Conduct:
    return Conduct.open(plane.parts, service=SERVICE, image=version, requested_by="benchmark")


@contextmanager
def _counting(ledger: Ledger) -> Generator[Counter[str]]:
    """Count what is sent through this ledger, by kind."""
    sent: Counter[str] = Counter()

    def note(_db: object, _cursor: object, statement: str, *_: object) -> None:
        sent["reads" if statement.lstrip().upper().startswith("SELECT") else "writes"] += 1

    event.listen(ledger.engine, "before_cursor_execute", note)
    try:
        yield sent
    finally:
        event.remove(ledger.engine, "before_cursor_execute", note)


def _written(plane: BenchPlane) -> Written:
    """On a connection of its own, so that nothing counts it among the driver's."""
    url = plane.settings.require("ledger_url").replace("postgresql+psycopg://", "postgresql://")
    with psycopg.connect(url, connect_timeout=5) as db:
        rows = Counter(dict(db.execute(_ROWS).fetchall()))
        transactions = db.execute(_TRANSACTIONS).fetchone()
    return Written(time.time(), rows, transactions[0] if transactions else 0)


def _idle(plane: BenchPlane, seconds: float) -> Written:
    say(f"nothing is released for {seconds:.0f} s")
    before = _settled(plane)
    time.sleep(seconds)
    return _written(plane).since(before)


def _settled(plane: BenchPlane) -> Written:
    """Once everybody has handed in what they counted."""
    time.sleep(_FLUSH_SECONDS)
    return _written(plane)


def _report(found: Found, steps: tuple[tuple[float, float], ...]) -> Report:
    idle, stepping, release = found.idle, found.stepping, found.release
    of_release = {
        table: rows - idle.rows[table] * release.at / idle.at
        for table, rows in release.rows.most_common()
    }
    by_table = [
        Figure(f"  {table}", round(rows)) for table, rows in of_release.items() if rows >= 1
    ]
    seconds = sum(seconds for _, seconds in steps)
    figures = (
        Figure("rows a release, without what is written anyway", round(sum(of_release.values()))),
        *by_table,
        Figure("statements of its driver: reads", found.statements["reads"]),
        Figure("statements of its driver: writes", found.statements["writes"]),
        Figure("rows a second of stepping", stepping.rows_a_second - idle.rows_a_second),
        Figure(
            "driver's reads a second of stepping", found.statements_stepping["reads"] / stepping.at
        ),
        Figure(
            "driver's writes a second of stepping",
            found.statements_stepping["writes"] / stepping.at,
        ),
        Figure("rows a second without any release", idle.rows_a_second),
        Figure(
            "transactions a second of stepping (one is the counting)",
            stepping.transactions / stepping.at,
        ),
        Figure("transactions a second without any release", idle.transactions / idle.at),
    )
    ran = (
        f"one release of {seconds:.0f} s in {len(steps) - 1} steps and a watch, promoted by the "
        f"judge, under {RATE} requests/s; rows are inserted, changed or deleted ones"
    )
    return Report("What a release writes into the ledger", figures, ran)
