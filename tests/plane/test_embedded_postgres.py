from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from davylamp.plane.postgres import (
    RunningPostgres,
    clear_stale_lock,
    ensure_database,
    initialise,
    start_postgres,
)

pytestmark = pytest.mark.server


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return tmp_path / "data"


@pytest.fixture
def server(data: Path) -> Iterator[RunningPostgres]:
    found = start_postgres(data, fast=True)
    yield found
    found.stop()


def connect(server: RunningPostgres, database: str = "postgres") -> psycopg.Connection:
    url = f"postgresql://postgres@127.0.0.1:{server.port}/{database}"
    return psycopg.connect(url, autocommit=True)


def test_data_is_intact_after_a_killed_server_is_started_again(
    server: RunningPostgres, data: Path
) -> None:
    with connect(server) as db:
        db.execute("CREATE TABLE kept AS SELECT 42 AS answer")
    os.kill(server.pid, signal.SIGKILL)
    server.stop()
    again = start_postgres(data, fast=True)
    try:
        with connect(again) as db:
            assert db.execute("SELECT answer FROM kept").fetchone() == (42,)
    finally:
        again.stop()


def test_ensuring_a_database_twice_makes_it_once(server: RunningPostgres) -> None:
    ensure_database(server.url, "davylamp")
    ensure_database(server.url, "davylamp")
    with connect(server, "davylamp") as db:
        assert db.execute("SELECT current_database()").fetchone() == ("davylamp",)


def test_stopping_twice_is_fine(data: Path) -> None:
    server = start_postgres(data, fast=True)
    server.stop()
    server.stop()
    assert server.process.returncode == 0


def test_an_unfinished_cluster_is_made_anew(data: Path) -> None:
    unfinished = data.with_name("data.unfinished")
    unfinished.mkdir()
    (unfinished / "half").write_text("written")
    initialise(data, fast=True)
    assert (data / "PG_VERSION").exists()
    assert not unfinished.exists()


def test_a_lock_whose_pid_is_another_program_now_is_removed(data: Path) -> None:
    data.mkdir()
    lock = data / "postmaster.pid"
    lock.write_text(f"{os.getpid()}\n{data}\n")
    clear_stale_lock(data)
    assert not lock.exists()


def test_the_lock_of_a_running_server_stays(server: RunningPostgres, data: Path) -> None:
    clear_stale_lock(data)
    assert (data / "postmaster.pid").exists()
