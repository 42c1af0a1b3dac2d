"""What an audit costs as Dagster's assets: seconds of a run, and what it leaves in the storage."""

from __future__ import annotations

import time
from contextlib import redirect_stderr
from dataclasses import dataclass
from io import StringIO

import dagster as dg

from assets.fleet_inventory import fleet_inventory
from assets.ledger_io import ledger_io
from assets.version_skew import version_skew
from benchmarks.simulated_fleet.dagster_storage import dagster_instance, engine_of
from benchmarks.simulated_fleet.servers import Server, rows, sizes, vacuum
from benchmarks.simulated_fleet.stage import Stage, stage
from benchmarks.simulated_fleet.world import Size
from davylamp.errors import Unreachable


@dataclass(frozen=True)
class RunCost:
    """Of one run on average."""

    seconds: float
    """In one process, without starting it."""
    events: float
    bytes: float


def measure(server: Server, size: Size, runs: int) -> RunCost:
    url = server.new_database()
    with (
        dagster_instance(url, server.folder) as instance,
        stage(server.ledger, server.url, server.folder, apart=True) as staged,
    ):
        staged.set_up(size)
        _run(staged, instance)  # the first one makes what all others share
        vacuum(url)
        rows_before, bytes_before, start = rows(url), sizes(url), time.perf_counter()
        for _ in range(runs):
            _run(staged, instance)
        seconds = time.perf_counter() - start
    vacuum(url)
    events = (rows(url) - rows_before)["event_logs"]
    grown = (sizes(url) - bytes_before).total()
    return RunCost(seconds / runs, events / runs, grown / runs)


def _run(staged: Stage, instance: dg.DagsterInstance) -> None:
    engine = engine_of(staged.parts())
    with redirect_stderr(StringIO()):
        done = dg.materialize(
            [fleet_inventory, version_skew],
            resources={"engine": engine, "ledger_io": ledger_io},
            instance=instance,
            raise_on_error=False,
        )
    if not done.success:
        raise Unreachable("an audit's run failed: see its events")
