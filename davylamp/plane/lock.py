"""The plane's lock: one supervisor a home."""

from __future__ import annotations

import fcntl
import os
import time
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from davylamp.plane.processes import Identity, look_up

_IDENTITY = TypeAdapter(Identity)
_POLL_SECONDS = 0.05


def take_lock(file: Path, seconds: float) -> int | None:
    """The lock's file descriptor, held until it is closed or we die; None at the deadline."""
    file.parent.mkdir(parents=True, exist_ok=True)
    handle = os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    until = time.monotonic() + seconds
    while True:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= until:
                os.close(handle)
                return None
            time.sleep(_POLL_SECONDS)
            continue
        return handle


def is_locked(file: Path) -> bool:
    if not file.exists():
        return False
    handle = take_lock(file, 0)
    if handle is None:
        return True
    os.close(handle)
    return False


def sign_lock(handle: int) -> None:
    """Write into the lock who holds it."""
    holder = look_up(os.getpid())
    os.ftruncate(handle, 0)
    os.pwrite(handle, _IDENTITY.dump_json(holder.identity) if holder else b"", 0)


def holder(file: Path) -> Identity | None:
    """Who signed the lock last; it need not live any more."""
    try:
        return _IDENTITY.validate_json(file.read_bytes())
    except (FileNotFoundError, ValidationError):
        return None
