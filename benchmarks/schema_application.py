"""An application beside a schema change: reads and writes single orders at a constant rate.

`python -m benchmarks.schema_application URL ROWS RATE` until its standard input is closed; then it
prints the latencies in ms, as JSON, with the second at which each request was due.
"""

from __future__ import annotations

import json
import random
import sys
import threading
import time

import psycopg


def main(url: str, rows: int, rate: float) -> None:
    closed = threading.Event()
    threading.Thread(target=lambda: (sys.stdin.read(), closed.set()), daemon=True).start()
    print(json.dumps(_serve(url, rows, rate, closed)))


def _serve(url: str, rows: int, rate: float, closed: threading.Event) -> list[tuple[float, float]]:
    """Each request is due at its time, whatever became of the one before it."""
    taken: list[tuple[float, float]] = []
    chance = random.Random(1)
    with psycopg.connect(url, autocommit=True, application_name="orders@1.0.0") as db:
        began = time.monotonic()
        while not closed.is_set():
            due = began + len(taken) / rate
            time.sleep(max(0.0, due - time.monotonic()))
            _one(db, chance.randint(1, rows), len(taken))
            taken.append((time.time(), (time.monotonic() - due) * 1000))
    return taken


def _one(db: psycopg.Connection, order: int, number: int) -> None:
    if number % 2:
        db.execute("SELECT state, note FROM orders WHERE id = %s", [order])
    else:
        db.execute("UPDATE orders SET note = %s WHERE id = %s", [f"seen {number}", order])


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), float(sys.argv[3]))
