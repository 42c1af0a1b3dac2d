"""Instance: one running copy of a build, as observed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from davylamp.judge.sample import Role


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
    """What runs, `sha256:…`: read from the running thing, never from the order."""
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
