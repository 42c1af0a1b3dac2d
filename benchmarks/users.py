"""Users of a service under measurement: constant load from processes of its own."""

from __future__ import annotations

import contextlib
import csv
import subprocess
import sys
import time
from collections.abc import Generator
from dataclasses import dataclass

from benchmarks.plane import ROOT, BenchPlane

_MODULE = "davylamp.cli.demo.load"
_END_SECONDS = 20.0


@dataclass(frozen=True)
class Asked:
    """One request: when it began (Unix seconds), which version answered, and how."""

    at: float
    version: str
    failed: bool
    """No good answer came, and no build had been told to give a bad one."""

    @classmethod
    def read(cls, record: dict[str, str]) -> Asked:
        good = 200 <= int(record["status"]) < 300
        return cls(float(record["at"]), record["version"], not good and not _is_planted(record))


@contextlib.contextmanager
def users(plane: BenchPlane, service: str, rate: int, processes: int = 1) -> Generator[list[Asked]]:
    """Users ask `rate` times a second while the block runs; the list is filled at its end."""
    stamp = time.monotonic_ns()
    files = [plane.settings.home.parent / f"load-{stamp}-{n}.csv" for n in range(processes)]
    asked: list[Asked] = []
    with contextlib.ExitStack() as stack:
        for file in files:
            command = [sys.executable, "-m", _MODULE, "--url", plane.envoy_url, "--out", str(file)]
            command += ["--service", service, "--rate", str(rate / processes)]
            process = subprocess.Popen(
                command, env=plane.environment, cwd=ROOT, stdout=subprocess.DEVNULL
            )
            stack.callback(_end, process)
        yield asked
    for file in files:
        with file.open(newline="") as lines:
            asked += [Asked.read(record) for record in csv.DictReader(lines)]


def _is_planted(record: dict[str, str]) -> bool:
    return record["is_planted"] == str(True)


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(_END_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait(_END_SECONDS)
