"""Load: users who ask at a constant mean rate, whatever the answers are like.

    python -m davylamp.cli.demo.load --url http://127.0.0.1:8000 --rate 120 --out load.csv

The arrivals are a Poisson process (an open loop: a slow answer delays nobody else's
request). It runs in its own process until SIGTERM, writes a record a request, and ends with
a summary as one JSON line.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TextIO

import aiohttp
import uvloop

from davylamp.cli.demo.record import Record, start_records, write_records
from davylamp.cli.demo.users import CROWDS, HABITS, Ask, Habit, next_ask, only

DEADLINE_SECONDS = 2.0
FLUSH_SECONDS = 0.5
MOST_OPEN = 2_000
"""Requests open at once. More means the other side is dead; then users go away unheard."""


class Load:
    """Sends requests to the shop, and keeps the records until they are written."""

    def __init__(
        self,
        session: aiohttp.ClientSession,
        url: str,
        host_suffix: str,
        habits: Sequence[Habit] = HABITS,
    ) -> None:
        self._habits = habits
        self._session = session
        self._url = url.rstrip("/")
        self._host_suffix = host_suffix
        self._open: set[asyncio.Task[None]] = set()
        self._records: list[Record] = []
        self.turned_away = 0

    async def arrive(self, rate: float, ending: asyncio.Event) -> None:
        """Let users arrive, `rate` a second on average, until `ending`; then hear them out."""
        chance = random.Random()
        next_at = time.monotonic()
        while not ending.is_set():
            next_at += chance.expovariate(rate)
            await asyncio.sleep(max(0.0, next_at - time.monotonic()))
            self._begin(next_ask(chance, self._habits))
        if self._open:
            await asyncio.wait(self._open, timeout=DEADLINE_SECONDS + 1)

    def take_records(self) -> list[Record]:
        """The records since the last call."""
        taken, self._records = self._records, []
        return taken

    def _begin(self, ask: Ask) -> None:
        if len(self._open) >= MOST_OPEN:
            self.turned_away += 1
            return
        task = asyncio.create_task(self._send(ask))
        self._open.add(task)
        task.add_done_callback(self._open.discard)

    async def _send(self, ask: Ask) -> None:
        at, begun = time.time(), time.perf_counter()
        headers = {"host": f"{ask.service}{self._host_suffix}", "x-user-id": ask.user}
        status, version, is_planted, error = 0, "", False, ""
        try:
            async with self._session.request(
                ask.method, self._url + ask.path, headers=headers, data=ask.body
            ) as answer:
                await answer.read()
                status = answer.status
                version = answer.headers.get("x-shop-version", "")
                is_planted = "x-shop-fault" in answer.headers
        except (aiohttp.ClientError, TimeoutError, OSError) as problem:
            status, error = 0, type(problem).__name__
        latency_ms = round((time.perf_counter() - begun) * 1000, 2)
        self._records.append(
            Record(
                at=round(at, 4),
                service=ask.service,
                method=ask.method,
                user=ask.user,
                status=status,
                latency_ms=latency_ms,
                version=version,
                is_planted=is_planted,
                error=error,
            )
        )


async def run_load(
    url: str, rate: float, out: Path, host_suffix: str, habits: Sequence[Habit] = HABITS
) -> dict[str, float]:
    """Run until SIGTERM or SIGINT. Returns the summary."""
    ending = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, ending.set)
    began = time.monotonic()
    async with open_session() as session:
        load = Load(session, url, host_suffix, habits)
        with out.open("w", newline="") as file:
            start_records(file)
            writing = asyncio.create_task(_write_on(load, file))
            await load.arrive(rate, ending)
            writing.cancel()
            written = await writing
    return {
        "requests": written,
        "turned_away": load.turned_away,
        "seconds": round(time.monotonic() - began, 1),
        "cpu_seconds": round(time.process_time(), 2),
    }


def open_session() -> aiohttp.ClientSession:
    """A session that never hides a failure."""
    session = aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=30),
        timeout=aiohttp.ClientTimeout(total=DEADLINE_SECONDS),
        cookie_jar=aiohttp.DummyCookieJar(),
        auto_decompress=False,
        skip_auto_headers=("user-agent", "accept", "accept-encoding"),
    )
    # aiohttp repeats a GET whose reused connection broke: the very failure we are looking for.
    session._retry_connection = False  # pyright: ignore[reportPrivateUsage]
    return session


async def _write_on(load: Load, file: TextIO) -> int:
    """Write records until cancelled, then the last ones. Returns how many there were."""
    written = 0
    try:
        while True:
            await asyncio.sleep(FLUSH_SECONDS)
            written += _write(load, file)
    except asyncio.CancelledError:
        return written + _write(load, file)


def _write(load: Load, file: TextIO) -> int:
    records = load.take_records()
    write_records(file, records)
    return len(records)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="constant load on the shop, until SIGTERM")
    parser.add_argument("--url", required=True, help="where Envoy listens")
    parser.add_argument("--rate", type=float, default=120.0, help="requests a second")
    parser.add_argument("--out", type=Path, required=True, help="CSV file of the records")
    parser.add_argument("--host-suffix", default=".localhost", help="after the service's name")
    parser.add_argument("--service", help="ask only this one, for what checkout is asked for")
    parser.add_argument("--crowd", choices=CROWDS, default="shop", help="who asks")
    given = parser.parse_args(arguments)
    habits = only(given.service) if given.service else CROWDS[given.crowd]
    summary = uvloop.run(run_load(given.url, given.rate, given.out, given.host_suffix, habits))
    sys.stdout.write(json.dumps(summary) + "\n")


if __name__ == "__main__":
    main()
