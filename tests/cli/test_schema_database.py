"""The commands of `davylamp schema` that speak to a database."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from typer.testing import CliRunner

from davylamp.cli.main import make_app
from davylamp.errors import DavylampError
from davylamp.schema.database import TargetDatabase

pytestmark = pytest.mark.server
FIRST = """
import sqlalchemy as sa
from alembic import op
revision, down_revision, phase = "r1", None, "expand"
def upgrade():
    op.create_table("orders", sa.Column("id", sa.Integer, primary_key=True),
                    sa.Column("state", sa.Text))
    op.execute("ALTER TABLE orders ADD COLUMN status text")
"""
MIGRATE = """
from alembic import op
revision, down_revision, phase = "r2", "r1", "migrate"
dual_write = {"table": "orders", "old": "state", "new": "status"}
def upgrade():
    pass
"""


@pytest.fixture
def url(postgres_server: str) -> Iterator[str]:
    name = f"target_{uuid.uuid4().hex[:12]}"
    server = TargetDatabase(postgres_server).conninfo
    with psycopg.connect(server, autocommit=True) as db:
        db.execute(f'CREATE DATABASE "{name}"')
    yield server.rsplit("/", 1)[0] + f"/{name}"
    with psycopg.connect(server, autocommit=True) as db:
        db.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


@pytest.fixture
def history(tmp_path: Path) -> Path:
    versions = tmp_path / "migrations" / "versions"
    versions.mkdir(parents=True)
    (versions / "r1.py").write_text(FIRST)
    (versions / "r2.py").write_text(MIGRATE)
    return versions.parent


def _schema(*arguments: str) -> tuple[int, Any, str]:
    """Exit code, document, and the error's message."""
    done = CliRunner().invoke(make_app("schema"), ["schema", *arguments, "--json"])
    if isinstance(done.exception, DavylampError):
        return done.exception.exit_code, None, str(done.exception)
    return done.exit_code, json.loads(done.stdout) if done.stdout else None, done.stderr


def _process(*arguments: str) -> tuple[int, Any]:
    """The same in a process of its own."""
    argv = [sys.executable, "-m", "davylamp.cli.main", "schema", *arguments, "--json"]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=90, check=False)
    return done.returncode, json.loads(done.stdout)


def test_a_history_is_applied_a_backfill_run_and_the_status_tells(url: str, history: Path) -> None:
    code, found, _ = _schema("apply", str(history), "--url", url)
    assert (code, found["applied"]) == (0, ["r1"])
    assert found["pending"] == [{"revision": "r2", "phase": "migrate"}]
    with psycopg.connect(url, autocommit=True) as db:
        db.execute("INSERT INTO orders (state) SELECT 'open' FROM generate_series(1, 500)")
    code, found, error = _schema(
        "backfill", "run", "orders.status", "--url", url, "--history", str(history), "--unthrottled"
    )
    assert (code, found["state"], found["rows_changed"]) == (0, "done", 500), error
    assert _schema("apply", str(history), "--url", url, "--upto", "migrate")[0] == 0
    code, found, _ = _schema("status", "--url", url, "--history", str(history))
    assert (code, found["revision"], found["stopped"]) == (0, "r2", "")
    assert found["backfills"][0]["share"] == 1.0
    assert found["pending"] == []


def test_a_backfill_is_paused_resumed_and_stopped(url: str, history: Path) -> None:
    _schema("apply", str(history), "--url", url)
    with psycopg.connect(url, autocommit=True) as db:
        db.execute("INSERT INTO orders (state) SELECT 'open' FROM generate_series(1, 3000)")
    run = ("backfill", "run", "orders.status", "--url", url, "--history", str(history))
    answers: list[tuple[int, Any]] = []
    worker = threading.Thread(target=lambda: answers.append(_process(*run, "--duty", "0.02")))
    worker.start()
    for _ in range(400):
        if _schema("backfill", "stop", "orders.status", "--url", url)[0] == 0:
            break
    worker.join(timeout=90)
    assert answers[0][0] == 1
    assert answers[0][1]["state"] == "stopped"
    code, found, _ = _schema("status", "--url", url)
    assert code == 1
    assert "backfill public.orders.status" in found["stopped"]
    assert _schema("backfill", "pause", "orders.status", "--url", url)[1]["wanted"] == "pause"
    assert _schema("backfill", "resume", "orders.status", "--url", url)[1]["wanted"] == "run"
    assert _schema(*run)[0] == 0


def test_bad_input_and_a_database_that_is_not_there_have_their_exit_codes(
    url: str, history: Path
) -> None:
    assert _schema("status")[0] == 2
    assert _schema("status", "--url", "mysql:/x")[0] == 2
    assert _schema("backfill", "stop", "nothing", "--url", url)[0] == 2
    assert _schema("apply", str(history), "--url", url, "--upto", "contract")[0] == 2
    code, _, error = _schema("status", "--url", "postgresql://postgres@127.0.0.1:1/gone")
    assert code == 3
    assert "does not answer" in error
