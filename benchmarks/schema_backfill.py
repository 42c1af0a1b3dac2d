"""A backfill against one plain UPDATE and against the usual loop, beside an application.

`python -m benchmarks.schema_backfill --rows N` for another size than `make bench`'s.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg
from rich.console import Console

from benchmarks.report import Figure, Report
from davylamp.plane.postgres import start_postgres
from davylamp.schema.backfill.limits import UNTHROTTLED, BackfillLimits
from davylamp.schema.backfill.run import run_backfill
from davylamp.schema.database import TargetDatabase
from davylamp.schema.dual_write import install_dual_write
from davylamp.schema.revision import DualWrite

ROWS, QUICK_ROWS = 5_000_000, 200_000
ROUNDS, QUICK_ROUNDS = 2, 1
RATE = 100.0
IDLE_SECONDS, QUICK_IDLE_SECONDS = 15.0, 5.0
LOOP_ROWS = 10_000
RENAME = DualWrite("orders", "state", "status")


@dataclass(frozen=True)
class Ran:
    """One way to fill the column, once."""

    rows_a_second: float
    longest_ms: float
    """That rows stayed locked."""
    wal_mib: float
    idle_p99_ms: float
    """Of the application in the seconds before."""
    p99_ms: float


Way = Callable[[TargetDatabase], float]
"""Fills the column; returns the longest time in ms that a row was locked."""


def run(quick: bool, rows: int = 0) -> Report:
    count = rows or (QUICK_ROWS if quick else ROWS)
    rounds = QUICK_ROUNDS if quick else ROUNDS
    seconds = QUICK_IDLE_SECONDS if quick else IDLE_SECONDS
    found: dict[str, list[Ran]] = {name: [] for name in WAYS}
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        server = start_postgres(Path(folder) / "data")
        try:
            target = TargetDatabase(server.url)
            for number in range(rounds):
                names = list(WAYS) if number % 2 == 0 else list(reversed(WAYS))
                for name in names:
                    print(f"{name}, round {number + 1}", file=sys.stderr, flush=True)
                    found[name].append(_measure(target, WAYS[name], count, seconds))
        finally:
            server.stop()
    return _report(found, count, rounds)


def _measure(target: TargetDatabase, way: Way, rows: int, idle_seconds: float) -> Ran:
    _fresh(target, rows)
    with _application(target, rows) as latencies:
        time.sleep(idle_seconds)
        wal, began = _wal(target), time.time()
        longest_ms = way(target)
        ended = time.time()
        wal = _wal(target) - wal
    before = [ms for at, ms in latencies if at < began]
    during = [ms for at, ms in latencies if began <= at <= ended]
    return Ran(rows / (ended - began), longest_ms, wal / 2**20, _p99(before), _p99(during))


def _fresh(target: TargetDatabase, rows: int) -> None:
    with target.connect("benchmark") as db:
        db.execute("SET statement_timeout = 0")
        db.execute("DROP SCHEMA IF EXISTS davylamp CASCADE")
        db.execute("DROP TABLE IF EXISTS orders")
        db.execute(
            "CREATE TABLE orders (id bigint PRIMARY KEY, state text NOT NULL, customer int, "
            "amount numeric, note text)"
        )
        db.execute(
            "INSERT INTO orders SELECT g, 'state ' || mod(g, 7), mod(g, 1000), g, repeat('x', 40) "
            "FROM generate_series(1, %s) g",
            [rows],
        )
        db.execute("ALTER TABLE orders ADD COLUMN status text")
        db.execute("VACUUM ANALYZE orders")
        db.execute("CHECKPOINT")


@contextmanager
def _application(target: TargetDatabase, rows: int) -> Generator[list[tuple[float, float]]]:
    """The list is filled once it has ended."""
    argv = [sys.executable, "-m", "benchmarks.schema_application"]
    process = subprocess.Popen(
        [*argv, target.conninfo, str(rows), str(RATE)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    latencies: list[tuple[float, float]] = []
    try:
        yield latencies
        output, _ = process.communicate("", timeout=120)
        latencies += [(at, ms) for at, ms in json.loads(output)]
    finally:
        process.kill()
        process.wait()


def _one_update(target: TargetDatabase) -> float:
    began = time.monotonic()
    with target.connect("benchmark") as db:
        db.execute("SET statement_timeout = 0")
        db.execute("UPDATE orders SET status = state")
    return (time.monotonic() - began) * 1000


def _one_update_mirrored(target: TargetDatabase) -> float:
    install_dual_write(target, RENAME)
    return _one_update(target)


def _loop(target: TargetDatabase) -> float:
    install_dual_write(target, RENAME)
    longest = 0.0
    with target.connect("benchmark") as db:
        db.execute("SET statement_timeout = 0")
        while True:
            began = time.monotonic()
            done = db.execute(
                "UPDATE orders SET status = state WHERE id IN "
                "(SELECT id FROM orders WHERE status IS NULL LIMIT %s)",
                [LOOP_ROWS],
            )
            if done.rowcount == 0:
                return longest
            longest = max(longest, (time.monotonic() - began) * 1000)


def _unthrottled(target: TargetDatabase) -> float:
    limits = BackfillLimits(throttle=UNTHROTTLED)
    return run_backfill(target, RENAME, limits=limits).longest_batch_ms


def _throttled(target: TargetDatabase) -> float:
    return run_backfill(target, RENAME).longest_batch_ms


ONE, MIRRORED, LOOP = "one UPDATE", "one UPDATE, dual write in place", "loop of IN (SELECT … LIMIT)"
FAST, GENTLE = "backfill, unthrottled", "backfill, throttled"
WAYS: dict[str, Way] = {
    ONE: _one_update,
    FAST: _unthrottled,
    MIRRORED: _one_update_mirrored,
    GENTLE: _throttled,
    LOOP: _loop,
}


def _wal(target: TargetDatabase) -> float:
    with psycopg.connect(target.conninfo) as db:
        row = db.execute("SELECT pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0')::float8").fetchone()
    return float(row[0]) if row else 0.0


def _p99(latencies: list[float]) -> float:
    return statistics.quantiles(latencies, n=100)[98] if len(latencies) > 1 else 0.0


def _report(found: dict[str, list[Ran]], rows: int, rounds: int) -> Report:
    def middle(name: str, what: Callable[[Ran], float]) -> float:
        return statistics.median(what(one) for one in found[name])

    rates = {name: middle(name, lambda one: one.rows_a_second) for name in WAYS}
    aims: dict[tuple[str, str], float] = {
        (FAST, "longest lock"): 250,
        (GENTLE, "longest lock"): 250,
        (GENTLE, "p99"): 1.5,
    }
    figures: list[Figure] = []
    for name in WAYS:
        longest = max(one.longest_ms for one in found[name])
        p99 = middle(name, lambda one: one.p99_ms / max(one.idle_p99_ms, 0.001))
        figures += [
            Figure(name, round(rates[name]), "rows/s"),
            Figure("  longest lock", longest, "ms", aims.get((name, "longest lock"))),
            Figure("  application's p99 against idle", p99, "×", aims.get((name, "p99"))),
            Figure("  application's p99", middle(name, lambda one: one.p99_ms), "ms"),
            Figure("  WAL", round(middle(name, lambda one: one.wal_mib)), "MiB"),
        ]
    figures += [
        Figure("one UPDATE's rate over the unthrottled backfill's", rates[ONE] / rates[FAST], "×",
               1 / 0.6),
        Figure("  with the dual write in place", rates[MIRRORED] / rates[FAST], "×"),
    ]  # fmt: skip
    idle = statistics.median(one.idle_p99_ms for runs in found.values() for one in runs)
    ran = (
        f"{rows:,} rows, {rounds} rounds in turn, each on a fresh table; an application of "
        f"{RATE:g} requests/s beside it (p99 when idle {idle:.1f} ms); verification included"
    )
    return Report("Filling a column while the application runs", tuple(figures), ran)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=ROWS)
    run(False, parser.parse_args().rows).show(Console())
