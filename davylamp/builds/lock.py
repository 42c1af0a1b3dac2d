"""A lock between processes, held by a file."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from davylamp.errors import Unreachable


@contextmanager
def locked(file: Path, seconds: float = 10.0) -> Generator[None]:
    """Hold the lock; `Unreachable` if another one holds it for longer than `seconds`."""
    handle = os.open(file, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        _acquire(handle, file, time.monotonic() + seconds)
        # Closing the handle gives the lock back, also when the process dies.
        yield
    finally:
        os.close(handle)


def _acquire(handle: int, file: Path, ends: float) -> None:
    while True:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > ends:
                raise Unreachable(
                    f"{file} is locked by another process for too long: see which one "
                    f"(`fuser {file}`), and try again when it is done"
                ) from None
            time.sleep(0.005)
        else:
            return
