from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest

from davylamp.errors import DavylampError, Unreachable
from davylamp.plane.leftovers import MARKER
from davylamp.plane.processes import Identity, descendants, environment_names, is_alive, snapshot
from davylamp.settings import read_addresses

pytestmark = pytest.mark.server


def eventually(holds: Callable[[], object], seconds: float = 20.0) -> bool:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if holds():
            return True
        time.sleep(0.05)
    return False


def family(pid: int) -> list[Identity]:
    """A supervisor and everything below it."""
    processes = snapshot()
    return [processes[pid].identity, *(p.identity for p in descendants(pid, processes))]


def survivors(processes: list[Identity], home: Path) -> list[Identity]:
    marker = os.fsencode(f"{MARKER}={home}")
    marked = [p.identity for p in snapshot().values() if environment_names(p.pid, marker)]
    return [one for one in {*processes, *marked} if is_alive(one)]


def test_up_twice_is_one_plane(plane) -> None:
    first = plane.up("postgres")
    second = plane.up("postgres")
    assert not first.was_up
    assert second.was_up
    assert second.status.pid == first.status.pid


def test_two_ups_at_once_make_one_plane(plane) -> None:
    argv = [sys.executable, "-c", UP_IN_A_PROCESS]
    env = {**os.environ, "DAVYLAMP_HOME": str(plane.home.folder)}
    both = [subprocess.Popen(argv, env=env, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    pids = [process.communicate(timeout=60)[0].strip() for process in both]
    assert pids[0]
    assert pids[0] == pids[1]


UP_IN_A_PROCESS = """
from davylamp.plane.control import Wanted, bring_up
from davylamp.settings import load_settings
done = bring_up(load_settings(), Wanted(("postgres",), True, True), lambda part: None)
print(done.status.pid)
"""


def test_up_adds_the_parts_that_are_missing(plane) -> None:
    plane.up("postgres")
    done = plane.up("postgres", "registry")
    assert done.was_up
    assert done.status.part("registry").state in ("ready", "external")


def test_addresses_are_written_and_work(plane) -> None:
    plane.up("postgres")
    found = read_addresses(plane.settings.addresses_file)
    plain = found.ledger_url.replace("+psycopg", "")
    with psycopg.connect(plain) as db:
        assert db.execute("SELECT current_database()").fetchone() == ("davylamp",)
    assert found.platform_socket == str(plane.home.socket)
    assert found.dagster_storage_url.startswith("postgresql+psycopg2://")


def test_a_killed_child_is_started_again_with_its_data(plane) -> None:
    before = plane.up("postgres").status.part("postgres")
    plain = read_addresses(plane.settings.addresses_file).ledger_url.replace("+psycopg", "")
    with psycopg.connect(plain, autocommit=True) as db:
        db.execute("CREATE TABLE kept AS SELECT 42 AS answer")
    os.kill(before.pid, signal.SIGKILL)

    def is_back() -> bool:
        now = plane.status().part("postgres")
        return now.state == "ready" and now.restarts == 1 and now.pid != before.pid

    assert eventually(is_back)
    assert plane.status().part("postgres").address == before.address
    with psycopg.connect(plain) as db:
        assert db.execute("SELECT answer FROM kept").fetchone() == (42,)


def test_children_do_not_survive_a_killed_supervisor_and_up_works_again(plane) -> None:
    first = plane.up("postgres", "registry").status
    everything = family(first.pid)
    os.kill(first.pid, signal.SIGKILL)
    assert eventually(lambda: not survivors(everything, plane.home.folder))
    again = plane.up("postgres", "registry")
    assert not again.was_up
    assert again.status.part("postgres").address == first.part("postgres").address


def test_down_after_supervisor_and_undertaker_were_killed_sweeps_up(plane) -> None:
    status = plane.up("postgres").status
    everything = family(status.pid)
    below = {p.pid for p in snapshot().values() if p.parent == status.pid}
    undertaker = (below - {status.part("postgres").pid}).pop()
    orphan = subprocess.Popen(
        [sys.executable, "-S", "-c", "import time; time.sleep(60)"],
        env={**os.environ, MARKER: str(plane.home.folder)},
        start_new_session=True,
    )
    os.kill(undertaker, signal.SIGKILL)
    os.kill(status.pid, signal.SIGKILL)
    done = plane.down()
    assert any(f"pid {orphan.pid}" in line for line in done.swept)
    assert orphan.wait(10) != 0
    assert not survivors(everything, plane.home.folder)


def test_down_leaves_no_process_and_no_address(plane) -> None:
    everything = family(plane.up("postgres", "registry").status.pid)
    done = plane.down()
    assert done.was_up
    assert done.killed == ()
    assert not survivors(everything, plane.home.folder)
    assert not plane.settings.addresses_file.exists()
    assert not plane.status().is_up
    assert not plane.down().was_up


def test_a_stopped_supervisor_is_taken_down_too(plane) -> None:
    pid = plane.up("postgres").status.pid
    everything = family(pid)
    os.kill(pid, signal.SIGSTOP)
    done = plane.down()
    assert f"supervisor (pid {pid})" in done.killed
    assert not survivors(everything, plane.home.folder)


def test_a_part_that_cannot_start_is_named_with_its_log_and_nothing_is_left(plane) -> None:
    plane.up("postgres")
    plane.down()
    (plane.home.postgres / "PG_VERSION").write_text("7\n")
    with pytest.raises(Unreachable, match=r"postgres is not ready(.|\n)*PostgreSQL version 7"):
        plane.up("postgres")
    assert not plane.status().is_up
    assert not survivors([], plane.home.folder)


def test_a_supervisor_that_ends_at_once_says_why(plane) -> None:
    plane.home.make()
    (plane.home.folder / "keys").write_text("a file where a folder belongs")
    with pytest.raises(DavylampError, match="ended at once"):
        plane.up("postgres")


def test_a_stopped_controller_is_shown_as_silent_and_as_ready_once_it_goes_on(plane) -> None:
    plane.up("postgres", "envoy", "controller")
    controller = plane.status().part("controller").pid
    os.kill(controller, signal.SIGSTOP)
    try:
        assert eventually(lambda: plane.status().part("controller").state == "silent", 30)
        assert "has not answered" in plane.status().part("controller").reason
    finally:
        os.kill(controller, signal.SIGCONT)
    assert eventually(lambda: plane.status().part("controller").state == "ready", 30)
    after = plane.status().part("controller")
    assert (after.pid, after.restarts, after.reason) == (controller, 0, "")
