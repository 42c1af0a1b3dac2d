"""Worker: a run's process, known by pid and start so that no other is mistaken for it."""

from __future__ import annotations

import os
import signal
from collections.abc import Mapping
from dataclasses import dataclass

from davylamp.plane.processes import Identity, is_alive

WORKER_TAG = ".dagster/davylamp_worker"
"""Run tag (hidden in the UI): `pid@start in clock ticks`."""


@dataclass(frozen=True)
class Worker:
    identity: Identity

    @classmethod
    def of_run(cls, tags: Mapping[str, str]) -> Worker | None:
        """The worker of a run; None for one that the zygote did not start."""
        pid, found, ticks = tags.get(WORKER_TAG, "").partition("@")
        return cls(Identity(int(pid), int(ticks))) if found else None

    @property
    def tag(self) -> str:
        return f"{self.identity.pid}@{self.identity.started_ticks}"

    @property
    def is_alive(self) -> bool:
        return is_alive(self.identity)

    def interrupt(self) -> bool:
        """Ask it to take its release back and end; False when it has ended already."""
        try:
            handle = os.pidfd_open(self.identity.pid)
        except ProcessLookupError:
            return False
        try:
            # looked at after the handle was taken: the pid can't have changed hands since
            if not self.is_alive:
                return False
            signal.pidfd_send_signal(handle, signal.SIGINT)
        except ProcessLookupError:
            return False
        finally:
            os.close(handle)
        return True
