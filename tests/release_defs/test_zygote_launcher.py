"""Runs forked by a real zygote, stored in a real PostgreSQL."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from dagster import DagsterInstance, DagsterRun, DagsterRunStatus
from dagster._core.definitions.reconstruct import ReconstructableJob
from dagster._core.launcher import WorkerStatus
from dagster._core.launcher.base import LaunchRunContext

from davylamp.errors import Unreachable
from davylamp.plane.processes import Identity, is_alive, look_up
from release_defs.launcher import ZygoteRunLauncher
from release_defs.launcher.address import zygote_socket
from release_defs.launcher.preload import MODULES
from release_defs.launcher.worker import Worker
from tests.forked import Forked, import_too
from tests.release_defs.conftest import fresh_home, kept_open

pytestmark = pytest.mark.server

ROOT = Path(__file__).parents[2]
JOBS = str(Path(__file__).with_name("trial_jobs.py"))
ZYGOTE = "release_defs.launcher.zygote"
NOTES = "DAVYLAMP_TEST_NOTES"


@pytest.fixture(scope="module")
def shared(
    postgres_server: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[DagsterInstance, Forked, Path]]:
    """An instance with a zygote that several tests use; and where its workers leave notes."""
    folder = tmp_path_factory.mktemp("shared")
    with _running(postgres_server, folder) as running:
        yield running


@pytest.fixture
def own(postgres_server: str, tmp_path: Path) -> Iterator[tuple[DagsterInstance, Forked, Path]]:
    """The same, for a test that ends its zygote."""
    with _running(postgres_server, tmp_path) as running:
        yield running


@contextmanager
def _running(postgres_server: str, folder: Path) -> Iterator[tuple[DagsterInstance, Forked, Path]]:
    notes = folder / "notes"
    notes.mkdir()
    with fresh_home(postgres_server, folder) as home, pytest.MonkeyPatch.context() as patch:
        patch.setenv(NOTES, str(notes))
        with kept_open(home) as instance:
            process = _start_zygote(folder)
            yield instance, process, notes
            process.terminate()
            process.wait(40)


@pytest.fixture
def instance(shared) -> DagsterInstance:
    return shared[0]


@pytest.fixture
def zygote(shared) -> Forked:
    return shared[1]


@pytest.fixture
def notes(shared) -> Path:
    for note in shared[2].iterdir():
        note.unlink()
    return shared[2]


def _begin_zygote(log: Path) -> Forked:
    import_too(ZYGOTE, *MODULES)
    return Forked(ZYGOTE, [], env=os.environ, cwd=ROOT, out=log)


def _start_zygote(folder: Path) -> Forked:
    process = _begin_zygote(folder / "zygote.log")
    _wait(lambda: zygote_socket().exists() or process.poll() is not None, seconds=60)
    assert process.poll() is None
    return process


def _wait(until: Callable[[], object], seconds: float = 30.0) -> None:
    deadline = time.monotonic() + seconds
    while not until():
        assert time.monotonic() < deadline, "nothing happened in time"
        time.sleep(0.02)


def _launch(instance: DagsterInstance, job: str) -> str:
    recon = ReconstructableJob.for_file(JOBS, job)
    run = instance.create_run_for_job(
        recon.get_definition(),
        job_code_origin=recon.get_python_origin(),
        status=DagsterRunStatus.STARTING,
    )
    instance.run_launcher.launch_run(LaunchRunContext(run, None))
    return run.run_id


def _run(instance: DagsterInstance, run_id: str) -> DagsterRun:
    found = instance.get_run_by_id(run_id)
    assert found is not None
    return found


def _wait_for_end(instance: DagsterInstance, run_id: str) -> DagsterRunStatus:
    _wait(lambda: _run(instance, run_id).is_finished)
    return _run(instance, run_id).status


def _worker(instance: DagsterInstance, run_id: str) -> Worker:
    found = Worker.of_run(_run(instance, run_id).tags)
    assert found is not None
    return found


def test_run_is_forked_from_the_zygote_and_succeeds(
    instance: DagsterInstance, zygote: Forked
) -> None:
    run_id = _launch(instance, "short_job")

    assert _wait_for_end(instance, run_id) is DagsterRunStatus.SUCCESS
    worker = _worker(instance, run_id)
    _wait(lambda: not worker.is_alive)
    assert zygote.poll() is None


def test_many_runs_at_once_all_succeed(instance: DagsterInstance, zygote: Forked) -> None:
    runs = [_launch(instance, "short_job") for _ in range(6)]

    assert {_wait_for_end(instance, one) for one in runs} == {DagsterRunStatus.SUCCESS}


def test_probe_that_only_knocks_disturbs_nobody(instance: DagsterInstance, zygote: Forked) -> None:
    with socket.socket(socket.AF_UNIX) as knock:
        knock.connect(str(zygote_socket()))

    assert _wait_for_end(instance, _launch(instance, "short_job")) is DagsterRunStatus.SUCCESS


def test_cancel_interrupts_the_op_and_the_run_is_cancelled(
    instance: DagsterInstance, zygote: Forked, notes: Path
) -> None:
    run_id = _launch(instance, "long_job")
    _wait((notes / "waiting").exists)

    assert instance.run_launcher.terminate(run_id)

    assert _wait_for_end(instance, run_id) is DagsterRunStatus.CANCELED
    assert (notes / "interrupted").read_text() == "DagsterExecutionInterruptedError"


def test_cancel_before_the_first_op_is_not_lost(
    instance: DagsterInstance, zygote: Forked, notes: Path
) -> None:
    run_id = _launch(instance, "long_job")

    assert instance.run_launcher.terminate(run_id)

    assert _wait_for_end(instance, run_id) is DagsterRunStatus.CANCELED


def test_killed_worker_is_seen_by_the_health_check_and_reported_by_the_zygote(
    instance: DagsterInstance, zygote: Forked, notes: Path
) -> None:
    run_id = _launch(instance, "long_job")
    _wait((notes / "waiting").exists)
    launcher = instance.run_launcher
    assert launcher.check_run_worker_health(_run(instance, run_id)).status is WorkerStatus.RUNNING

    os.kill(_worker(instance, run_id).identity.pid, signal.SIGKILL)

    _wait(lambda: not _worker(instance, run_id).is_alive)
    assert launcher.check_run_worker_health(_run(instance, run_id)).status is WorkerStatus.FAILED
    assert _wait_for_end(instance, run_id) is DagsterRunStatus.FAILURE


def test_worker_that_ends_without_a_word_fails_its_run(
    instance: DagsterInstance, zygote: Forked
) -> None:
    run_id = _launch(instance, "dying_job")

    assert _wait_for_end(instance, run_id) is DagsterRunStatus.FAILURE


def test_terminating_a_run_whose_worker_is_gone_cancels_it(
    instance: DagsterInstance, zygote: Forked, notes: Path
) -> None:
    run_id = _launch(instance, "long_job")
    _wait((notes / "waiting").exists)
    os.kill(zygote.pid, signal.SIGSTOP)
    try:
        os.kill(_worker(instance, run_id).identity.pid, signal.SIGKILL)
        _wait(lambda: not _worker(instance, run_id).is_alive)
        assert instance.run_launcher.terminate(run_id)
    finally:
        os.kill(zygote.pid, signal.SIGCONT)

    assert _wait_for_end(instance, run_id) is DagsterRunStatus.CANCELED


def test_workers_are_interrupted_when_the_zygote_is_told_to_end(own) -> None:
    instance, zygote, notes = own
    run_id = _launch(instance, "long_job")
    _wait((notes / "waiting").exists)

    zygote.terminate()

    assert zygote.wait(40) == 0
    assert not _worker(instance, run_id).is_alive
    assert _run(instance, run_id).status is DagsterRunStatus.FAILURE
    assert not zygote_socket().exists()


def test_workers_are_interrupted_when_the_zygote_is_killed(own) -> None:
    instance, zygote, notes = own
    run_id = _launch(instance, "long_job")
    _wait((notes / "waiting").exists)

    zygote.kill()

    _wait((notes / "interrupted").exists)
    assert _wait_for_end(instance, run_id) is DagsterRunStatus.FAILURE


def test_zygote_started_again_after_a_kill_takes_over_the_socket(own, tmp_path: Path) -> None:
    instance, zygote, _ = own
    zygote.kill()
    zygote.wait(10)
    zygote_socket().unlink()
    again = _start_zygote(tmp_path)
    try:
        assert _wait_for_end(instance, _launch(instance, "short_job")) is DagsterRunStatus.SUCCESS
    finally:
        again.terminate()
        again.wait(40)


def test_run_whose_worker_is_killed_while_the_zygote_ends_is_reported_too(own) -> None:
    instance, zygote, notes = own
    run_id = _launch(instance, "stubborn_job")
    _wait((notes / "waiting").exists)
    zygote.terminate()
    _wait((notes / "interrupted").exists)

    os.kill(_worker(instance, run_id).identity.pid, signal.SIGKILL)

    assert zygote.wait(40) == 0
    assert _run(instance, run_id).status is DagsterRunStatus.FAILURE


def test_second_zygote_on_the_same_socket_is_refused(
    instance: DagsterInstance, zygote: Forked, tmp_path: Path
) -> None:
    log = tmp_path / "second.log"
    second = _begin_zygote(log)

    assert second.wait(60) == 1
    assert "already" in log.read_text()
    assert _wait_for_end(instance, _launch(instance, "short_job")) is DagsterRunStatus.SUCCESS


def test_zygote_ends_with_its_parent(dagster_home: Path, tmp_path: Path) -> None:
    pids = tmp_path / "pid"
    parent = subprocess.Popen(
        [
            "sh",
            "-c",
            f'"{sys.executable}" -m release_defs.launcher.zygote & echo $! > {pids}; wait',
        ],
        cwd=ROOT,
    )
    _wait(zygote_socket().exists, seconds=60)
    orphan = look_up(int(pids.read_text()))
    assert orphan is not None

    parent.kill()
    parent.wait(10)

    _wait(lambda: not is_alive(Identity(orphan.pid, orphan.identity.started_ticks)))


def test_without_a_zygote_and_without_falling_back_the_error_says_what_to_start(
    instance: DagsterInstance, tmp_path: Path
) -> None:
    launcher = ZygoteRunLauncher(socket=str(tmp_path / "no.sock"), fall_back=False)
    launcher.register_instance(instance)
    recon = ReconstructableJob.for_file(JOBS, "short_job")
    run = instance.create_run_for_job(
        recon.get_definition(), job_code_origin=recon.get_python_origin()
    )

    with pytest.raises(Unreachable, match="davylamp up"):
        launcher.launch_run(LaunchRunContext(run, None))
