"""A part that runs and has stopped answering: a real process, asked by its real probe."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from davylamp.plane.children import Children
from davylamp.plane.component import Component
from davylamp.plane.ports import free_port
from davylamp.plane.probes import Http2Probe, TcpProbe
from davylamp.plane.watch import State, Watch

pytestmark = pytest.mark.server

GRPC_SERVER = """
import sys, time
from concurrent.futures import ThreadPoolExecutor
import grpc
server = grpc.server(ThreadPoolExecutor(1))
server.add_insecure_port(f"127.0.0.1:{sys.argv[1]}")
server.start()
time.sleep(600)
"""


async def until(holds: Callable[[], object], seconds: float = 30.0) -> None:
    async with asyncio.timeout(seconds):
        while not holds():
            await asyncio.sleep(0.02)


def grpc_part(port: int, folder: Path, silence_seconds: float) -> Component:
    return Component(
        "server",
        (sys.executable, "-c", GRPC_SERVER, str(port)),
        Http2Probe(port),
        folder / "log",
        env=dict(os.environ),
        silence_seconds=silence_seconds,
        grace_seconds=0.2,
    )


def has_stopped(pid: int) -> bool:
    """With every thread of it: a signal reaches them one after the other."""
    stats = Path(f"/proc/{pid}/task").glob("*/stat")
    return all(stat.read_text().rpartition(")")[2].split()[0] == "T" for stat in stats)


def test_a_stopped_server_accepts_connections_and_greets_nobody(tmp_path: Path) -> None:
    async def scenario() -> None:
        port = free_port()
        children = Children(lambda: None)
        watch = Watch(grpc_part(port, tmp_path, 0.0), children, dict)
        running = [asyncio.create_task(children.reap_forever()), asyncio.create_task(watch.run())]
        await until(watch.is_ready.is_set)
        os.kill(watch.child.pid, signal.SIGSTOP)
        await until(lambda: has_stopped(watch.child.pid))
        assert await TcpProbe(port).ready()
        assert not await Http2Probe(port).ready()
        os.kill(watch.child.pid, signal.SIGCONT)
        assert await Http2Probe(port).ready()
        running[1].cancel()
        await watch.end()
        running[0].cancel()

    asyncio.run(scenario())


def test_a_part_that_stays_silent_is_started_again(tmp_path: Path) -> None:
    async def scenario() -> None:
        children = Children(lambda: None)
        watch = Watch(grpc_part(free_port(), tmp_path, 1.0), children, dict)
        running = [asyncio.create_task(children.reap_forever()), asyncio.create_task(watch.run())]
        await until(watch.is_ready.is_set)
        first = watch.child.pid
        os.kill(first, signal.SIGSTOP)
        await until(lambda: watch.state is State.DOWN)
        assert watch.reason == "ran, but did not answer for 1 s"
        await until(lambda: watch.state is State.READY)
        assert (watch.child.pid != first, watch.restarts) == (True, 1)
        running[1].cancel()
        await watch.end()
        running[0].cancel()

    asyncio.run(scenario())
