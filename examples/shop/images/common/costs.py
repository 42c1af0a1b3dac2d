"""What a copy costs: CPU burned for a request, memory that leaks, pauses that free garbage."""

from __future__ import annotations

import random
import threading
import time

_LEAK_EVERY_SECONDS = 0.25


def burn(milliseconds: float) -> None:
    """Use that much CPU of this thread. On a busy machine it takes longer than that."""
    end = time.thread_time() + milliseconds / 1000
    while time.thread_time() < end:
        sum(range(1_000))


def leak(bytes_a_second: float, after_seconds: float) -> None:
    """Hold on to more and more memory, in a thread of its own."""
    if bytes_a_second <= 0:
        return
    threading.Thread(target=_leak, args=(bytes_a_second, after_seconds), daemon=True).start()


def _leak(bytes_a_second: float, after_seconds: float) -> None:
    time.sleep(after_seconds)
    held: list[bytes] = []
    began, so_far = time.monotonic(), 0
    while True:
        time.sleep(_LEAK_EVERY_SECONDS)
        wanted = int((time.monotonic() - began) * bytes_a_second)
        held.append(b"\x01" * (wanted - so_far))  # written to: zeros would not be resident
        so_far = wanted


class Garbage:
    """What requests leave behind, freed while nothing else runs."""

    def __init__(self, bytes_a_request: int, every_seconds: float, pause_ms: float) -> None:
        self._bytes = bytes_a_request
        self._every = every_seconds
        self._pause = pause_ms / 1000
        self._left: list[bytes] = []
        self._next = time.monotonic() + every_seconds * random.uniform(0.2, 1.2)

    def leave(self) -> None:
        """After a request. The event loop stands still in a pause, as all requests do."""
        if self._bytes:
            self._left.append(b"\x01" * self._bytes)
        if self._every and time.monotonic() >= self._next:
            self._next += self._every * random.uniform(0.8, 1.2)
            self._left.clear()
            time.sleep(self._pause)
