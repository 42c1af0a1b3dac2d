"""Waiting for what another part of the plane does, and no longer than it may take."""

from __future__ import annotations

import time
from collections.abc import Callable

from davylamp.errors import Unreachable

_POLL_SECONDS = 0.2


def wait_until(condition: Callable[[], bool], what: str, seconds: float = 30.0) -> None:
    """Raises `Unreachable` when it has not come to be in time; `what` says what is wrong then."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise Unreachable(f"{what} after {seconds:.0f} s: `davylamp status` shows the copies")
        time.sleep(_POLL_SECONDS)
