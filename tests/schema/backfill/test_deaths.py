"""Killed at any moment, a change goes on where it stopped: nothing is lost, nothing done twice."""

from __future__ import annotations

import os
import random
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest

from davylamp.plane.postgres import (
    DEATH_SIGNAL,
    RunningPostgres,
    command,
    environment,
    start_postgres,
    wait_ready,
)
from davylamp.plane.spawn import spawn
from davylamp.schema.apply import apply_revisions
from davylamp.schema.apply_limits import ApplyLimits
from davylamp.schema.backfill.model import BackfillState
from davylamp.schema.backfill.run import run_backfill
from davylamp.schema.database import TargetDatabase
from davylamp.schema.dual_write import install_dual_write
from davylamp.schema.phases import Phase
from davylamp.schema.state import state_of
from tests.schema.shop_orders import (
    RENAME,
    count_migrations,
    make_orders,
    revision,
    sql,
    value,
    writers,
)
from tests.schema.worker import SLOW, TERMS, workshop

pytestmark = pytest.mark.server
ROWS = 20_000
BATCHES = "SELECT batches FROM davylamp.backfills"


def _eventually(seconds: float, is_so: Callable[[], bool]) -> None:
    until = time.monotonic() + seconds
    while True:
        with suppress(psycopg.OperationalError):  # it may be down meanwhile
            if is_so():
                return
        assert time.monotonic() < until, "it did not come to pass in time"
        time.sleep(0.01)


def _batches(target: TargetDatabase) -> int:
    there = value(target, "SELECT to_regclass('davylamp.backfills') IS NOT NULL")
    return value(target, f"SELECT coalesce(({BATCHES}), 0)") if there else 0


def _check_all_is_there(target: TargetDatabase) -> None:
    assert value(target, "SELECT count(*) FROM orders WHERE status IS DISTINCT FROM state") == 0
    twice = "SELECT count(*) FROM (SELECT id FROM filled GROUP BY id HAVING count(*) > 1) t"
    assert value(target, twice) == 0
    assert value(target, "SELECT count(*) FROM filled") == ROWS
    frozen = "SELECT count(*) FROM orders, davylamp.backfills b WHERE orders.id <= b.upper::bigint"
    assert value(target, "SELECT rows_done FROM davylamp.backfills") == value(target, frozen)
    by_backfill = "SELECT count(*) FROM filled WHERE by LIKE 'davylamp-schema %'"
    changed = value(target, "SELECT rows_changed FROM davylamp.backfills")
    assert changed == value(target, by_backfill)


def test_a_worker_killed_at_twenty_random_moments_loses_and_repeats_nothing(
    target: TargetDatabase,
) -> None:
    make_orders(target, ROWS)
    count_migrations(target)
    install_dual_write(target, RENAME)
    chance = random.Random(20)
    with workshop(target) as shop, writers(target, ROWS) as written:
        for _ in range(20):
            before = _batches(target)
            pid = shop.backfill(RENAME)
            _eventually(30, lambda before=before: _batches(target) > before)
            time.sleep(chance.random() * 0.06)
            shop.kill(pid)
        state = state_of(target)
        assert state.backfills[0].progress.state is BackfillState.RUNNING
        assert state.backfills[0].progress.rows_done < ROWS
        result = run_backfill(target, RENAME, limits=SLOW)
        time.sleep(0.1)
    assert result.state is BackfillState.DONE
    _check_all_is_there(target)
    assert written.errors == []
    assert written.lost() == []
    assert len(written.last) > 100


@dataclass
class Mortal:
    """A PostgreSQL of one test's own, which may be killed. Always on the same port."""

    data: Path
    server: RunningPostgres

    def kill_a_backend(self) -> None:
        """The postmaster then ends all of them, and recovers as after a crash."""
        with psycopg.connect(self.url, autocommit=True) as db:
            found = db.execute(
                "SELECT pid FROM pg_stat_activity WHERE backend_type = 'client backend' AND "
                "application_name ~ 'davylamp-schema [0-9a-f]+/'"
            ).fetchone()
            os.kill(found[0] if found else db.info.backend_pid, signal.SIGKILL)

    def kill_all(self) -> None:
        self.server.process.send_signal(DEATH_SIGNAL)
        self.server.process.wait(timeout=20)
        argv = command(self.data, self.server.port, fast=True)
        process = spawn(
            argv,
            env=environment(),
            cwd=Path("/"),
            log=self.data.with_name("again.log"),
            death_signal=DEATH_SIGNAL,
        )
        self.server = RunningPostgres(self.server.url, self.server.port, process)
        assert wait_ready(self.server.port, 30)

    @property
    def url(self) -> str:
        return TargetDatabase(self.server.url).conninfo


@pytest.fixture
def mortal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mortal]:
    data = tmp_path_factory.mktemp("mortal") / "data"
    found = Mortal(data, start_postgres(data, fast=True))
    yield found
    found.server.stop()


def test_a_database_killed_five_times_loses_and_repeats_nothing(mortal: Mortal) -> None:
    target = TargetDatabase(mortal.server.url)
    make_orders(target, ROWS)
    count_migrations(target)
    install_dual_write(target, RENAME)
    chance = random.Random(5)
    with workshop(target) as shop, writers(target, ROWS) as written:
        shop.backfill(RENAME)
        wanted = 3
        for number in range(5):
            _eventually(30, lambda wanted=wanted: _batches(target) > wanted)
            wanted = _batches(target) + 3
            time.sleep(chance.random() * 0.1)
            mortal.kill_all() if number % 2 else mortal.kill_a_backend()
            assert wait_ready(mortal.server.port, 30)
        _eventually(60, lambda: value(target, "SELECT state FROM davylamp.backfills") == "done")
    _check_all_is_there(target)
    assert written.lost() == []
    assert len(written.last) > 50


def test_killed_while_an_index_is_built_concurrently_the_next_run_builds_it(
    target: TargetDatabase,
) -> None:
    make_orders(target, 100)
    index = revision("r1", None, "CREATE INDEX CONCURRENTLY by_state ON orders (state)")
    waits = "SELECT count(*) FROM pg_stat_progress_create_index WHERE phase LIKE 'waiting%'"
    with psycopg.connect(target.conninfo) as old, workshop(target) as shop:
        old.execute("UPDATE orders SET note = 'open' WHERE id = 1")
        pid = shop.apply([index])
        _eventually(20, lambda: value(target, waits) == 1)
        shop.kill(pid)
        assert "revision r1" in _stopped(target)
    apply_revisions(target, [index], limits=ApplyLimits(lease=TERMS))
    assert value(target, "SELECT indisvalid FROM pg_index WHERE indexrelid = 'by_state'::regclass")
    assert value(target, "SELECT count(*) FROM pg_index WHERE NOT indisvalid") == 0


def test_killed_while_a_constraint_is_validated_the_next_run_validates_it(
    target: TargetDatabase,
) -> None:
    make_orders(target, 3000)
    sql(
        target,
        "CREATE FUNCTION slow(text) RETURNS bool LANGUAGE plpgsql AS "
        "$$ BEGIN PERFORM pg_sleep(0.002); RETURN true; END $$",
    )
    checked = revision(
        "r1",
        None,
        "ALTER TABLE orders ADD CONSTRAINT fine CHECK (slow(note)) NOT VALID; "
        "ALTER TABLE orders VALIDATE CONSTRAINT fine",
        Phase.MIGRATE,
    )
    running = (
        "SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND "
        "query ~ '^ALTER TABLE orders VALIDATE'"
    )
    with workshop(target) as shop:
        pid = shop.apply([checked])
        _eventually(20, lambda: value(target, running) == 1)
        shop.kill(pid)
        assert "revision r1 after 1 of 2 statements" in _stopped(target)
    sql(
        target,
        "CREATE OR REPLACE FUNCTION slow(text) RETURNS bool LANGUAGE sql AS 'SELECT true'",
    )
    apply_revisions(target, [checked], Phase.MIGRATE, limits=ApplyLimits(lease=TERMS))
    assert value(target, "SELECT convalidated FROM pg_constraint WHERE conname = 'fine'")
    assert value(target, "SELECT count(*) FROM pg_constraint WHERE conname = 'fine'") == 1


def _stopped(target: TargetDatabase) -> str:
    """What the state says once the dead worker's lease has run out."""
    _eventually(10, lambda: bool(state_of(target).stopped))
    return state_of(target).stopped
