"""Worker processes that can be killed: one process imports everything once, and forks them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from davylamp.schema.apply import apply_revisions
from davylamp.schema.apply_limits import ApplyLimits
from davylamp.schema.backfill.limits import BackfillLimits, PaceLimits, ThrottleLimits
from davylamp.schema.backfill.run import run_backfill
from davylamp.schema.database import TargetDatabase
from davylamp.schema.lease import LeaseTerms
from davylamp.schema.phases import Phase
from davylamp.schema.revision import DualWrite, Revision

TERMS = LeaseTerms(ttl_seconds=0.3, renew_seconds=0.1, wait_seconds=20)
SLOW = BackfillLimits(
    pace=PaceLimits(first_rows=20, most_rows=60),
    throttle=ThrottleLimits(duty=0.9),
    lease=TERMS,
    reconnect_seconds=40,
)
"""Many small batches: there is something to be killed in."""


class Workshop:
    """Starts workers and kills them."""

    def __init__(self, process: subprocess.Popen[str], target: TargetDatabase) -> None:
        self._process = process
        self._target = target

    def backfill(self, dual_write: DualWrite) -> int:
        return self._start({"dual_write": asdict(dual_write)})

    def apply(self, revisions: list[Revision]) -> int:
        given = [asdict(one) | {"file": str(one.file)} for one in revisions]
        return self._start({"revisions": given})

    def _start(self, job: dict[str, Any]) -> int:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(job | {"url": self._target.url}) + "\n")
        self._process.stdin.flush()
        return int(self._process.stdout.readline())

    def kill(self, pid: int) -> None:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            return


@contextmanager
def workshop(target: TargetDatabase) -> Generator[Workshop]:
    root = Path(__file__).resolve().parents[2]
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.schema.worker"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=root,
    )
    try:
        yield Workshop(process, target)
    finally:
        process.kill()
        process.wait(timeout=10)


def serve() -> None:
    """Fork a worker for each line of JSON, and print its process id."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    for line in sys.stdin:
        job = json.loads(line)
        pid = os.fork()
        if pid == 0:
            _work(job)
            os._exit(0)
        print(pid, flush=True)


def _work(job: dict[str, Any]) -> None:
    target = TargetDatabase(job["url"])
    if "dual_write" in job:
        run_backfill(target, DualWrite(**job["dual_write"]), limits=SLOW)
        return
    revisions = [
        Revision(**one | {"file": Path(one["file"]), "phase": Phase(one["phase"]),
                          "depends_on": (), "dual_write": None})
        for one in job["revisions"]
    ]  # fmt: skip
    apply_revisions(target, revisions, Phase.MIGRATE, limits=ApplyLimits(lease=TERMS))


if __name__ == "__main__":
    serve()
