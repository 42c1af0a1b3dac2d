"""The load in a process of its own, so that the story's work does not slow its clock."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from davylamp.cli.demo.load import DEADLINE_SECONDS
from davylamp.errors import Unreachable

_END_SECONDS = DEADLINE_SECONDS + 10


class LoadProcess:
    """A running load and the file of its records."""

    def __init__(self, process: subprocess.Popen[str], records: Path) -> None:
        self._process = process
        self.records = records

    def check(self) -> None:
        """Raises `Unreachable` when the load has ended by itself."""
        if self._process.poll() is not None:
            raise Unreachable(
                f"the load ended by itself with exit code {self._process.returncode}: "
                f"its messages are above, its records in {self.records}"
            )

    def finish(self) -> dict[str, Any]:
        """Let the last users be answered, and return the load's summary."""
        self._process.terminate()
        said, _ = self._process.communicate(timeout=_END_SECONDS)
        return json.loads(said)


@contextmanager
def running_load(
    url: str, rate: float, records: Path, crowd: str = "shop"
) -> Generator[LoadProcess]:
    """Users ask `rate` times a second while the block runs; nothing is left of it after.
    `crowd` is one of `users.CROWDS`."""
    arguments = ["--url", url, "--rate", str(rate), "--out", str(records), "--crowd", crowd]
    command = [sys.executable, "-m", "davylamp.cli.demo.load", *arguments]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        yield LoadProcess(process, records)
    finally:
        if process.poll() is None:
            process.kill()
        process.wait(_END_SECONDS)
        if process.stdout:
            process.stdout.close()
