"""Instance: one running copy of a build, as observed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from davylamp.judge.sample import Role

UNKNOWN_DIGEST = "unknown"
"""Of a process that doesn't show what it runs."""


class InstanceState(StrEnum):
    STARTING = "starting"
    READY = "ready"
    FAILED = "failed"
    """Died, never listened, or could not be unpacked; `reason` says which."""
    STOPPED = "stopped"
    UNREACHABLE = "unreachable"
    """Nobody could say how it is. Never the same as fine."""


@dataclass(frozen=True)
class Instance:
    """One running copy of a build, as the platform observes it."""

    id: str
    service: str
    digest: str
    """What runs, `sha256:…`: read from the running process, never from the order; while nothing
    runs yet, what was ordered. `UNKNOWN_DIGEST` is never any build's."""
    role: Role
    release_id: int
    state: InstanceState
    address: str = ""
    """`host:port`."""
    pid: int = 0
    reason: str = ""
    started_at: datetime | None = None
    restarts: int = 0
    cpu_seconds: float | None = None
    memory_bytes: float | None = None
