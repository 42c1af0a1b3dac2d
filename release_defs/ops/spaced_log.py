"""SpacedLog: a run's log of work that may say a lot within a second, and nothing for an hour."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

LEAST_SECONDS = 4.0
"""Between two entries: each is an event that is kept for weeks."""
_SPACING = 0.05
"""Of the work's age, for how far it is: an hour of it is some 60 entries more, not 900."""
_MOST_LINES = 20
"""In one entry; of more, the first and the last ones are kept."""


class SpacedLog:
    """Lines that come close together become one entry; a line that says how far it is replaces the
    one before it. What was said last is never held back for longer than `LEAST_SECONDS`."""

    def __init__(
        self,
        say: Callable[[str], object],
        least_seconds: float = LEAST_SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._say, self._least_seconds, self._clock = say, least_seconds, clock
        self._began, self._said_at = clock(), float("-inf")
        self._lines: list[str] = []
        self._how_far = ""
        self._timer: threading.Timer | None = None
        self._lock = threading.Lock()

    def add(self, line: str) -> None:
        """Something has happened."""
        with self._lock:
            self._lines.append(line)
            wait = self._said_at + self._least_seconds - self._clock()
            if wait <= 0:
                self._flush()
            elif self._timer is None:
                self._timer = threading.Timer(wait, self.flush)
                self._timer.daemon = True
                self._timer.start()

    def how_far(self, line: str) -> None:
        """It goes on."""
        with self._lock:
            self._how_far = line
            now = self._clock()
            if now - self._said_at >= max(self._least_seconds, _SPACING * (now - self._began)):
                self._flush()

    def flush(self) -> None:
        """Say what is left."""
        with self._lock:
            self._flush()

    def _flush(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        lines = [*_some(self._lines), *([self._how_far] if self._how_far else [])]
        self._lines, self._how_far = [], ""
        if lines:
            self._said_at = self._clock()
            self._say("\n".join(lines))


def _some(lines: list[str]) -> list[str]:
    if len(lines) <= _MOST_LINES:
        return lines
    half = _MOST_LINES // 2
    return [*lines[:half], f"… {len(lines) - 2 * half} more …", *lines[-half:]]
