"""Component: one long-running part of the plane, and how it wants to be run."""

from __future__ import annotations

import signal
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol


class Probe(Protocol):
    """Is it ready? Answers soon, and says no rather than raise."""

    async def ready(self) -> bool: ...


def nothing_to_prepare() -> None:
    return


@dataclass(frozen=True)
class Component:
    """What to run. It is started once everything in `depends_on` is ready, and again when it
    dies."""

    name: str
    argv: tuple[str, ...]
    probe: Probe
    log: Path
    env: Mapping[str, str] = field(default_factory=dict[str, str])
    cwd: Path = Path("/")
    address: str = ""
    """Where it serves, for people."""
    depends_on: tuple[str, ...] = ()
    prepare: Callable[[], None] = nothing_to_prepare
    """Runs in a thread before each start; raises a `DavylampError` that says what is wrong."""
    settle: Callable[[], None] = nothing_to_prepare
    """Runs in a thread when the probe is content, before it counts as ready."""
    ready_seconds: float = 60.0
    silence_seconds: float = 0.0
    """How long it may leave the probe unanswered once it was ready, before it is started again.
    0: it is not asked any more."""
    stop_signal: signal.Signals = signal.SIGTERM
    death_signal: signal.Signals = signal.SIGKILL
    """What the kernel sends when the supervisor dies."""
    grace_seconds: float = 10.0
    keeps_stragglers: bool = False
    """Do processes it started outlive it when it dies? (They never outlive the plane.)"""


@dataclass(frozen=True)
class BackOff:
    """How long to wait before the next start. Seconds."""

    first: float = 0.2
    longest: float = 10.0
    steady: float = 30.0
    """Up for that long, it begins anew."""

    def delay(self, deaths: int) -> float:
        """After the `deaths`-th death in a row, counted from 1."""
        return min(self.longest, self.first * 2 ** min(deaths - 1, 20))
