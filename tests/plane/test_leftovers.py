from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from davylamp.plane.leftovers import MARKER, Recorded, sweep, write_record
from davylamp.plane.processes import Identity, is_alive, look_up

SLEEP = [sys.executable, "-S", "-c", "import time; time.sleep(60)"]
DEAF = "import signal, time; signal.signal(15, signal.SIG_IGN); print(1, flush=True); "


@pytest.fixture
def started() -> Iterator[list[subprocess.Popen[bytes]]]:
    found: list[subprocess.Popen[bytes]] = []
    yield found
    for process in found:
        process.kill()
        process.wait(10)


def identity(process: subprocess.Popen[bytes]) -> Identity:
    found = look_up(process.pid)
    assert found is not None
    return found.identity


def test_a_recorded_process_is_ended(tmp_path: Path, started: list) -> None:
    started.append(subprocess.Popen(SLEEP))
    record = tmp_path / "processes.json"
    write_record(record, [Recorded("sleeper", identity(started[0]), signal.SIGTERM)])
    assert sweep(tmp_path, record) == [f"sleeper (pid {started[0].pid})"]
    assert started[0].wait(10) == -signal.SIGTERM


def test_a_reused_pid_is_never_killed(tmp_path: Path, started: list) -> None:
    started.append(subprocess.Popen(SLEEP))
    now = identity(started[0])
    record = tmp_path / "processes.json"
    before = Identity(now.pid, now.started_ticks - 1)
    write_record(record, [Recorded("sleeper", before, signal.SIGTERM)])
    assert sweep(tmp_path, record) == []
    assert is_alive(now)


def test_a_process_in_a_session_of_its_own_is_found_by_its_marker(
    tmp_path: Path, started: list
) -> None:
    mine = {**os.environ, MARKER: str(tmp_path)}
    other = {**os.environ, MARKER: f"{tmp_path}-other"}
    started.append(subprocess.Popen(SLEEP, env=mine, start_new_session=True))
    started.append(subprocess.Popen(SLEEP, env=other, start_new_session=True))
    assert len(sweep(tmp_path, tmp_path / "processes.json")) == 1
    assert started[0].wait(10) == -signal.SIGTERM
    assert is_alive(identity(started[1]))


def test_what_ignores_the_request_is_killed(tmp_path: Path, started: list) -> None:
    mine = {**os.environ, MARKER: str(tmp_path)}
    deaf = [sys.executable, "-S", "-c", DEAF + "time.sleep(60)"]
    started.append(subprocess.Popen(deaf, env=mine, stdout=subprocess.PIPE))
    assert started[0].stdout.readline()
    assert "killed" in sweep(tmp_path, tmp_path / "processes.json")[0]
    assert started[0].wait(10) == -signal.SIGKILL


def test_a_damaged_record_does_not_stop_the_sweep(tmp_path: Path, started: list) -> None:
    mine = {**os.environ, MARKER: str(tmp_path)}
    started.append(subprocess.Popen(SLEEP, env=mine))
    record = tmp_path / "processes.json"
    record.write_text('{"boot_id": "half')
    time.sleep(0.1)
    assert len(sweep(tmp_path, record)) == 1
