"""What releases cost: CPU, ledger rows and bytes, each from its first row to its end."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass

import psutil

from benchmarks.simulated_fleet.hurry import hurried
from benchmarks.simulated_fleet.names import service_name
from benchmarks.simulated_fleet.releasing import Releasing, releasing
from benchmarks.simulated_fleet.servers import Server, rows, sizes, vacuum
from davylamp.errors import Unreachable
from davylamp.ledger.models import ReleaseState

BAD_EVERY = 10
"""Every so many releases one has a build that fails users."""
_FAILING = 0.5


@dataclass(frozen=True)
class DayCost:
    """Of one release on average, unless said otherwise."""

    releases: int
    """That were measured."""
    cpu_seconds: float
    """Of its driver."""
    postgres_cpu_seconds: float
    wall_seconds: float
    """Of computing; nobody waits."""
    lasted_seconds: float
    """Of the simulated clock: how long a release is under way."""
    rows: Counter[str]
    """Of all the measured releases, by table."""
    bytes: Counter[str]
    memory_mb: float
    """By which the process grew over all of them."""


def measure(server: Server, releases: int, replicas: int) -> DayCost:
    folder = server.folder / "releases"
    folder.mkdir()
    with releasing(server.ledger, folder, releases, replicas) as fleet:
        vacuum(server.url)
        rows_before, bytes_before = rows(server.url), sizes(server.url)
        memory, cpu = psutil.Process().memory_info().rss, time.process_time()
        postgres, start, clock = server.cpu_seconds(), time.perf_counter(), fleet.clock.time()
        with hurried(fleet.clock):
            for number in range(releases):
                _release(fleet, number)
        wall, cpu = time.perf_counter() - start, time.process_time() - cpu
        cpu -= fleet.clock.cpu_seconds_meanwhile
        postgres = server.cpu_seconds() - postgres
        lasted = fleet.clock.time() - clock
        memory = psutil.Process().memory_info().rss - memory
    vacuum(server.url)
    return DayCost(
        releases=releases,
        cpu_seconds=cpu / releases,
        postgres_cpu_seconds=postgres / releases,
        wall_seconds=wall / releases,
        lasted_seconds=lasted / releases,
        rows=rows(server.url) - rows_before,
        bytes=sizes(server.url) - bytes_before,
        memory_mb=memory / 1e6,
    )


def _release(fleet: Releasing, number: int) -> None:
    is_bad = number % BAD_EVERY == BAD_EVERY - 1
    fleet.failing = _FAILING if is_bad else 0.001
    wanted = ReleaseState.ROLLED_BACK if is_bad else ReleaseState.PROMOTED
    ended = fleet.release(service_name(number))
    if ended.state is not wanted:
        raise Unreachable(f"release {ended.id} ended as {ended.state}: {ended.reason}")
