"""What every test may ask for: a real PostgreSQL for the session, a fresh ledger for each test."""

from __future__ import annotations

import os
import signal
import uuid
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from xdist.scheduler import LoadScopeScheduling

from davylamp.ledger.session import Ledger
from davylamp.plane.postgres import start_postgres
from tests.databases import drop_database, empty_database, make_database

# A shell that runs the tests in the background has SIGINT ignored for them; Dagster would make
# SIGTERM the same, and every process that a test starts would inherit it.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

pytest_plugins = ["tests.certificates", "tests.live_plane"]


@pytest.fixture(scope="session")
def postgres_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """URL of the maintenance database of a PostgreSQL of this session's own."""
    given = os.environ.get("DAVYLAMP_TEST_POSTGRES")
    if given:
        yield given
        return
    server = start_postgres(tmp_path_factory.mktemp("postgres") / "data", fast=True)
    try:
        yield server.url
    finally:
        server.stop()


@pytest.fixture(scope="session")
def ledger_template(postgres_server: str) -> str:
    """A migrated ledger that the tests' databases are copied from."""
    name = f"template_{uuid.uuid4().hex[:12]}"
    with psycopg.connect(_plain(postgres_server), autocommit=True) as db:
        db.execute(f'CREATE DATABASE "{name}"')
    ledger = Ledger.connect(_named(postgres_server, name))
    ledger.migrate()
    ledger.close()
    return name


@pytest.fixture(scope="session")
def spare_databases() -> list[str]:
    """Names of databases that are as new: a tenth of the work of making one."""
    return []


@pytest.fixture
def postgres_url(
    postgres_server: str, ledger_template: str, spare_databases: list[str]
) -> Iterator[str]:
    """A migrated database without rows, of this test's own."""
    maintenance = _plain(postgres_server)
    name = spare_databases.pop() if spare_databases else make_database(maintenance, ledger_template)
    url = _named(postgres_server, name)
    yield url
    if empty_database(_plain(url)):
        spare_databases.append(name)
    else:
        drop_database(maintenance, name)


@pytest.fixture
def ledger(postgres_url: str) -> Iterator[Ledger]:
    found = Ledger.connect(postgres_url)
    yield found
    found.close()


def _plain(url: str) -> str:
    return url.replace("postgresql+psycopg://", "postgresql://")


def _named(url: str, database: str) -> str:
    return url.rsplit("/", 1)[0] + f"/{database}"


_SLOW = (
    "tests/calibration/",
    "tests/judge/sequential/test_e_processes.py",
    "tests/judge/sequential/test_named.py",
    "tests/judge/test_data_quality.py",
    "tests/judge/test_hearing_named.py",
    "tests/judge/test_hearing_samples.py",
    "tests/judge/test_judge_properties.py",
    "tests/judge/test_judging_a_release.py",
    "tests/judge/test_kayenta_against_scipy.py",
    "tests/judge/test_kayenta_properties.py",
    "tests/cli/test_judge_stream.py",
    "tests/judge/test_planner.py",
    "tests/cli/test_judge_plan.py",
    "tests/report/test_plots.py",
)
"""Many simulated streams or pictures: left out of `make test-fast`, never of `make test`."""


_GROUPS = {
    "tests/e2e/test_schema_act.py": "a plane to break",
    "tests/e2e/": "a plane",
    "tests/faults/": "a plane to break",
}
"""Tests on a plane mostly wait. Those of one group run one after the other in a process of their
own, on a plane they share, or one they start; the other files run beside them."""


def _together(file: str) -> str:
    """Files of one name run in one process, in order; each for itself, but for those on planes."""
    return next((name for part, name in _GROUPS.items() if part in file), file)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> object:
    # --dist=loadgroup would do it by marks, but pytest 9.2 doesn't show them to the scheduler
    class ByPlane(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            return _together(nodeid.partition("::")[0])

    return ByPlane(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if any(part in item.path.as_posix() for part in _SLOW):
            item.add_marker(pytest.mark.slow)
    names = list(dict.fromkeys(_GROUPS.values()))
    items.sort(key=lambda item: _place(_together(item.path.as_posix()), names))


def _place(group: str, names: list[str]) -> int:
    """The longest first; the others as they come."""
    return -names.index(group) if group in names else 1
