"""What a process runs is read from the process."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from davylamp.ledger.instance import UNKNOWN_DIGEST
from davylamp.plane.observed import observed_digest

A, B = "a" * 64, "b" * 64
Start = Callable[[Path, Mapping[str, str]], int]


@pytest.fixture
def start() -> Iterator[Start]:
    """Start a process in a folder, with an environment; returns its pid."""
    started: list[subprocess.Popen[bytes]] = []

    def begin(folder: Path, environment: Mapping[str, str]) -> int:
        folder.mkdir(parents=True, exist_ok=True)
        program = [sys.executable, "-S", "-c", "print(flush=True); import time; time.sleep(60)"]
        process = subprocess.Popen(program, cwd=folder, env=environment, stdout=subprocess.PIPE)
        started.append(process)
        assert process.stdout is not None
        process.stdout.readline()  # the program runs: its environment can be read
        return process.pid

    yield begin
    for process in started:
        process.kill()
        process.communicate()


def test_the_folder_a_process_works_in_wins_over_what_it_was_told(
    start: Start, tmp_path: Path
) -> None:
    images = tmp_path / "images"
    pid = start(images / A / "rootfs" / "app", {"DAVYLAMP_DIGEST": f"sha256:{B}"})
    assert observed_digest(pid, images) == f"sha256:{A}"


def test_an_image_that_was_set_aside_is_still_what_runs(start: Start, tmp_path: Path) -> None:
    images = tmp_path / "images"
    pid = start(images / A / "rootfs", {})
    (images / A).rename(images / f"{A}.unused")
    assert observed_digest(pid, images) == f"sha256:{A}"
    (images / f"{A}.unused" / "rootfs").rmdir()
    assert observed_digest(pid, images) == f"sha256:{A}"


def test_a_process_that_works_elsewhere_is_known_by_the_environment_it_was_started_with(
    start: Start, tmp_path: Path
) -> None:
    pid = start(tmp_path / "elsewhere", {"DAVYLAMP_DIGEST": f"sha256:{B}"})
    assert observed_digest(pid, tmp_path / "images") == f"sha256:{B}"


@pytest.mark.parametrize("told", [{}, {"DAVYLAMP_DIGEST": "1.2.0"}])
def test_what_shows_nothing_is_unknown_and_not_what_was_ordered(
    start: Start, tmp_path: Path, told: dict[str, str]
) -> None:
    assert observed_digest(start(tmp_path, told), tmp_path / "images") == UNKNOWN_DIGEST
    images = tmp_path / "images"
    assert observed_digest(start(images / "not-a-digest", told), images) == UNKNOWN_DIGEST


def test_a_process_that_is_gone_runs_nothing(tmp_path: Path) -> None:
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    assert observed_digest(process.pid, tmp_path) is None
