"""What a release's run leaves in Dagster's storage: really executed runs, on PostgreSQL."""

from __future__ import annotations

import os
import shutil
from collections import Counter
from collections.abc import Generator
from contextlib import contextmanager, redirect_stderr
from dataclasses import dataclass
from io import StringIO
from pathlib import Path

import dagster as dg

from benchmarks.simulated_fleet.hurry import hurried
from benchmarks.simulated_fleet.names import service_name
from benchmarks.simulated_fleet.releasing import NEXT, Releasing, releasing
from benchmarks.simulated_fleet.servers import Server, rows, sizes, vacuum
from davylamp.errors import Unreachable
from davylamp.ledger.session import Ledger
from davylamp.rollout.engine import Engine
from davylamp.rollout.parts import Parts
from davylamp.schema.whereabouts import plain_url
from davylamp.settings import Settings
from release_defs.jobs.canary import release_canary

_ROOT = Path(__file__).parents[2]
_URL = "DAVYLAMP_DAGSTER_STORAGE_URL"


@dataclass(frozen=True)
class StorageCost:
    """Of all the measured runs."""

    runs: int
    rows: Counter[str]
    bytes: Counter[str]


def measure(
    server: Server, runs: int, replicas: int, *, show_seconds: float | None = None
) -> StorageCost:
    """`show_seconds`: how often a release is shown, if not as usual."""
    folder = server.folder / f"runs-{show_seconds}"
    folder.mkdir()
    url = server.new_database()
    shown = {} if show_seconds is None else {"show_seconds": show_seconds}
    with (
        dagster_instance(url, server.folder) as instance,
        releasing(server.ledger, folder, runs + 1, replicas, **shown) as fleet,
    ):
        _run(fleet, instance, runs)  # the first one makes what all others share
        vacuum(url)
        rows_before, bytes_before = rows(url), sizes(url)
        for number in range(runs):
            _run(fleet, instance, number)
    vacuum(url)
    return StorageCost(runs, rows(url) - rows_before, sizes(url) - bytes_before)


@contextmanager
def dagster_instance(url: str, folder: Path) -> Generator[dg.DagsterInstance]:
    """With the project's own dagster.yaml, on this database."""
    home = folder / "dagster"
    home.mkdir(exist_ok=True)
    shutil.copyfile(_ROOT / "dagster.yaml", home / "dagster.yaml")
    os.environ[_URL] = plain_url(url).replace("postgresql://", "postgresql+psycopg2://")
    try:
        with dg.DagsterInstance.from_config(str(home)) as instance:
            yield instance
    finally:
        del os.environ[_URL]


def engine_of(parts: Parts) -> Engine:
    """What jobs are handed, over these parts."""

    class SimulatedEngine(Engine):
        def settings(self) -> Settings:
            return parts.settings

        @contextmanager
        def parts(self) -> Generator[Parts]:
            yield parts

        @contextmanager
        def ledger(self) -> Generator[Ledger]:
            yield parts.ledger

    return SimulatedEngine()


def _run(fleet: Releasing, instance: dg.DagsterInstance, number: int) -> None:
    with hurried(fleet.clock, in_dagster=True), redirect_stderr(StringIO()):
        done = release_canary.execute_in_process(
            run_config={"service": service_name(number), "image": NEXT},
            resources={"engine": engine_of(fleet.parts), "io_manager": dg.mem_io_manager},
            instance=instance,
            raise_on_error=False,
        )
    if not done.success:
        raise Unreachable(f"the run of {service_name(number)} failed: see its events")
