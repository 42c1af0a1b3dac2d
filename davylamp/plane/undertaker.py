"""The undertaker: a small process that sweeps up when its supervisor dies without a word.

The kernel's parent-death signal reaches children only; the undertaker reaches what they
started too. It shares the supervisor's lock, so no other can start before it has swept.
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

from davylamp.plane.leftovers import sweep

_FAREWELL = b"."


class Undertaker:
    """Forked once, before the supervisor has any threads."""

    def __init__(self, home: Path, record: Path) -> None:
        reading, self._writing = os.pipe()
        self.pid = os.fork()
        if self.pid == 0:
            os.close(self._writing)
            _watch_over(reading, home, record)
        os.close(reading)

    def dismiss(self) -> None:
        """The supervisor has cleaned up itself."""
        try:
            os.write(self._writing, _FAREWELL)
        except BrokenPipeError:
            return  # somebody killed it
        finally:
            os.close(self._writing)
        try:
            os.waitpid(self.pid, 0)
        except ChildProcessError:
            return


def _watch_over(reading: int, home: Path, record: Path) -> None:
    """Never returns: what is above belongs to the supervisor."""
    try:
        os.setsid()
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)
        if os.read(reading, 1) != _FAREWELL:
            sweep(home, record)
    except OSError as error:
        sys.stderr.write(f"undertaker: {error}; `davylamp down` sweeps up what is left\n")
    finally:
        os._exit(0)
