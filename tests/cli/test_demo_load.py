"""The load's records are what its users really saw, failures above all."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from davylamp.cli.demo.frame import read_records

pytestmark = pytest.mark.server

GOOD = b"HTTP/1.1 200 OK\r\nx-shop-version: 1.0.0\r\ncontent-length: 2\r\n\r\nok"
PLANTED = (
    b"HTTP/1.1 500 Oops\r\nx-shop-version: 1.1.0\r\nx-shop-fault: planted\r\n"
    b"content-length: 0\r\n\r\n"
)

Seen = list[tuple[str, str, str]]
"""Method, host and user of each request the server got."""


class Shop:
    """A server of few words: `reply(n)` is the answer to a connection's nth request; None
    breaks the connection, and b"" never answers."""

    def __init__(self, reply: Callable[[int], bytes | None]) -> None:
        self.reply = reply
        self.seen: Seen = []

    async def talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nth = 0
        try:
            while await self._hear(reader):
                nth += 1
                answer = self.reply(nth)
                if answer is None:
                    break
                writer.write(answer)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        writer.close()

    async def _hear(self, reader: asyncio.StreamReader) -> bool:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        headers = {k.lower(): v for k, _, v in (line.partition(": ") for line in head[1:])}
        await reader.readexactly(int(headers.get("content-length", 0)))
        self.seen.append((head[0].split()[0], headers["host"], headers["x-user-id"]))
        return True


def load_on(shop: Shop, out: Path, seconds: float = 1.5) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Run the real load against the server for a while. Returns its records and summary."""

    async def run() -> dict[str, Any]:
        server = await asyncio.start_server(shop.talk, "127.0.0.1", 0)
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        command = ["-m", "davylamp.cli.demo.load", "--url", url, "--rate", "100", "--out", out]
        process = await asyncio.create_subprocess_exec(
            sys.executable, *map(str, command), stdout=asyncio.subprocess.PIPE
        )
        while not shop.seen:
            await asyncio.sleep(0.05)
        await asyncio.sleep(seconds)
        process.send_signal(signal.SIGTERM)
        said, _ = await asyncio.wait_for(process.communicate(), 30)
        assert process.returncode == 0
        server.close()
        return json.loads(said)

    summary = asyncio.run(run())
    return read_records(out), summary


def test_each_request_has_its_record_and_the_summary_counts_them(tmp_path: Path) -> None:
    shop = Shop(lambda nth: GOOD if nth % 3 else PLANTED)
    records, summary = load_on(shop, tmp_path / "load.csv")
    assert summary["requests"] == len(records) == len(shop.seen) > 0
    hosts = records["service"] + ".localhost"
    sent = zip(records["method"], hosts, records["user"], strict=True)
    assert sorted(sent) == sorted(shop.seen)
    planted = records[records["is_planted"]]
    assert set(planted["status"]) == {500}
    assert set(planted["version"]) == {"1.1.0"}
    assert set(records[~records["is_planted"]]["version"]) == {"1.0.0"}


def test_users_are_many_and_ask_all_services_mostly_to_read(tmp_path: Path) -> None:
    records, _ = load_on(Shop(lambda _: GOOD), tmp_path / "load.csv", seconds=3)
    assert set(records["service"]) == {"checkout", "cart", "payments"}
    assert records["user"].nunique() > len(records) / 2
    assert 0 < (records["method"] == "POST").mean() < 0.5


def test_a_kept_connection_that_breaks_is_a_failure_and_not_quietly_repeated(
    tmp_path: Path,
) -> None:
    shop = Shop(lambda nth: GOOD if nth == 1 else None)
    records, _ = load_on(shop, tmp_path / "load.csv")
    broken = records[records["status"] == 0]
    assert len(broken) > 0
    assert len(records) == len(shop.seen)
    assert (broken["error"] != "").all()
    assert (broken["version"] == "").all()


def test_no_answer_within_the_deadline_is_a_failure(tmp_path: Path) -> None:
    records, _ = load_on(Shop(lambda _: b""), tmp_path / "load.csv", seconds=0.5)
    assert len(records) > 0
    assert set(records["status"]) == {0}
    assert records["error"].str.contains("Timeout").all()
