"""What the keeper's second costs in a large fleet: it observes all copies, and samples releases."""

from __future__ import annotations

import time
from dataclasses import dataclass

from sqlalchemy import select

from benchmarks.simulated_fleet.servers import Server
from benchmarks.simulated_fleet.stage import stage
from benchmarks.simulated_fleet.users import SimulatedSource
from benchmarks.simulated_fleet.world import Size
from davylamp.ledger.models import InstanceRow
from davylamp.rollout.keeper import observe_and_sample


@dataclass(frozen=True)
class KeepingCost:
    """Of one tick; it is done every second."""

    seconds: float
    cpu_seconds: float
    postgres_cpu_seconds: float
    releases: int
    """Under way."""


def measure(server: Server, size: Size, *, rounds: int) -> KeepingCost:
    source = SimulatedSource()
    with stage(server.ledger, server.url, server.folder) as staged:
        world = staged.set_up(size)
        parts = staged.parts()
        source.at = time.time()
        observe_and_sample(parts, source)  # the first one writes what the fleet looks like
        start, cpu, postgres = time.perf_counter(), time.process_time(), server.cpu_seconds()
        for number in range(rounds):
            source.at = time.time() + number
            observe_and_sample(parts, source)
        seconds, cpu = time.perf_counter() - start, time.process_time() - cpu
        postgres = server.cpu_seconds() - postgres
        with server.ledger.begin() as db:
            assert len(db.execute(select(InstanceRow.id)).all()) == len(world.copies)
    return KeepingCost(seconds / rounds, cpu / rounds, postgres / rounds, len(world.releases))
