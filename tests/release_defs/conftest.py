"""A real Dagster instance on PostgreSQL, with the project's own dagster.yaml."""

from __future__ import annotations

import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest
from dagster import DagsterInstance

ROOT = Path(__file__).parents[2]


@contextmanager
def fresh_home(postgres_server: str, folder: Path) -> Iterator[Path]:
    """DAGSTER_HOME with the project's dagster.yaml, on an empty database of its own."""
    name = f"dagster_{uuid.uuid4().hex[:12]}"
    plain = postgres_server.replace("postgresql+psycopg://", "postgresql://")
    server = plain.removeprefix("postgresql://").rsplit("/", 1)[0]
    home = folder / "dagster"
    home.mkdir()
    shutil.copyfile(ROOT / "dagster.yaml", home / "dagster.yaml")
    with psycopg.connect(plain, autocommit=True) as db, pytest.MonkeyPatch.context() as patch:
        db.execute(f'CREATE DATABASE "{name}"')
        patch.setenv("DAVYLAMP_DAGSTER_STORAGE_URL", f"postgresql+psycopg2://{server}/{name}")
        patch.setenv("DAGSTER_HOME", str(home))
        yield home
        db.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


@pytest.fixture
def dagster_home(postgres_server: str, tmp_path: Path) -> Iterator[Path]:
    with fresh_home(postgres_server, tmp_path) as home:
        yield home


@contextmanager
def kept_open(home: Path) -> Iterator[DagsterInstance]:
    """Dagster's instance as its web server has it: otherwise it connects anew for every query,
    a hundred times a run."""
    with DagsterInstance.from_config(str(home)) as opened:
        opened.optimize_for_webserver(statement_timeout=30_000, pool_recycle=3600, max_overflow=20)
        yield opened


@pytest.fixture
def instance(dagster_home: Path) -> Iterator[DagsterInstance]:
    with kept_open(dagster_home) as opened:
        yield opened
