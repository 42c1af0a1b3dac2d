"""The Dagster UI over a simulated fleet of 500 services, to look at and to take pictures of.

    python -m benchmarks.showroom --services 500     # ctrl-C ends it

Real ledger, real Dagster, real audits; platform, copies and Envoy are simulated, with faults
planted in some services.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import signal
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import dagster as dg
import psycopg
from sqlalchemy import update

from assets.fleet_inventory import fleet_inventory
from assets.ledger_io import ledger_io
from assets.live_version import materialization, read_live_versions, services
from assets.version_skew import version_skew
from benchmarks.simulated_fleet.faults import FAULTS
from benchmarks.simulated_fleet.stage import Stage, stage
from benchmarks.simulated_fleet.world import Size
from davylamp.ledger.models import ServiceRow
from davylamp.ledger.session import Ledger
from davylamp.plane.postgres import start_postgres
from davylamp.rollout.engine import Engine
from davylamp.rollout.parts import Parts
from davylamp.settings import Settings, load_settings

_ROOT = Path(__file__).parents[1]
_FAULTY_EVERY = 60
"""Every so many services has a fault, another one each."""
_OLDEST_DAYS = 200.0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--services", type=int, default=500)
    parser.add_argument("--port", type=int, default=3333, help="of Dagster's web server")
    parser.add_argument("--audits", type=int, default=6, help="how many to run beforehand")
    given = parser.parse_args()
    _take_signals()
    with TemporaryDirectory(prefix="davylamp-showroom-") as folder:
        server = start_postgres(Path(folder) / "postgres", fast=True)
        try:
            _show(Path(folder), server.url, given)
        finally:
            server.stop()


def _show(folder: Path, server: str, given: argparse.Namespace) -> None:
    ledger_url, storage = _database(server, "ledger"), _database(server, "storage")
    os.environ |= {
        "DAGSTER_HOME": str(folder),
        "DAVYLAMP_DAGSTER_STORAGE_URL": storage.replace("+psycopg:", "+psycopg2:"),
        "DAVYLAMP_HOME": str(folder),
        "DAVYLAMP_LEDGER_URL": ledger_url,
    }
    shutil.copy(_ROOT / "dagster.yaml", folder)
    ledger = Ledger.connect(ledger_url)
    ledger.migrate()
    with stage(ledger, server, folder) as staged, _web(given.port):
        _fill(staged, given.services, given.audits)
        sys.stdout.write(f"http://127.0.0.1:{given.port} shows it; ctrl-C ends it\n")
        sys.stdout.flush()
        _take_signals()  # Dagster's runs leave handlers of their own
        signal.pause()


def _take_signals() -> None:
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: sys.exit(0))


def _database(server: str, name: str) -> str:
    with psycopg.connect(server.replace("+psycopg", ""), autocommit=True) as db:
        db.execute(f'CREATE DATABASE "{name}"'.encode())
    return f"{server.rsplit('/', 1)[0]}/{name}"


def _fill(staged: Stage, count: int, audits: int) -> None:
    """Audits, the last of them with faults, and each service's live version."""
    world = staged.set_up(Size(count))
    _spread_ages(staged.ledger, world.names)
    engine = _engine(staged)
    with dg.DagsterInstance.get() as instance:
        instance.add_dynamic_partitions(services.name or "services", world.names)
        for number in range(audits):
            if number == audits // 2:
                _plant(staged, world.names)
            _audit(instance, engine)
        for live in read_live_versions(staged.parts()):
            instance.report_runless_asset_event(materialization(live))


def _plant(staged: Stage, names: list[str]) -> None:
    with_database = staged.world.size.databases
    for number, fault in enumerate(FAULTS):
        place = (
            number % with_database
            if fault.needs_database
            else number * _FAULTY_EVERY % len(names) + 1
        )
        fault.plant(staged, names[place % len(names)])


def _spread_ages(ledger: Ledger, names: list[str]) -> None:
    """Most versions are young, and some have been there for months."""
    dice = random.Random(1)
    with ledger.begin() as db:
        for name in names:
            since = datetime.now(UTC) - timedelta(days=_OLDEST_DAYS * dice.random() ** 5)
            row = update(ServiceRow).where(ServiceRow.name == name)
            db.execute(row.values(stable_since=since))


def _audit(instance: dg.DagsterInstance, engine: Engine) -> None:
    dg.materialize(
        [fleet_inventory, version_skew],
        instance=instance,
        resources={"engine": engine, "ledger_io": ledger_io},
        raise_on_error=False,
    )


def _engine(staged: Stage) -> Engine:
    class Simulated(Engine):
        def settings(self) -> Settings:
            return load_settings(flags_file=staged.home / "flags.json")

        @contextmanager
        def ledger(self) -> Generator[Ledger]:
            yield staged.ledger

        @contextmanager
        def parts(self) -> Generator[Parts]:
            yield staged.parts()

    return Simulated()


@contextmanager
def _web(port: int) -> Generator[subprocess.Popen[Any]]:
    """Dagster's web server with its own code server, until the block ends."""
    command = [str(Path(sys.executable).parent / "dagster-webserver"), "-h", "127.0.0.1"]
    command += ["-p", str(port), "-w", str(_ROOT / "workspace.yaml"), "--log-level", "warning"]
    process = subprocess.Popen(command, cwd=_ROOT)
    try:
        yield process
    finally:
        process.terminate()
        process.wait(30)


if __name__ == "__main__":
    main()
