"""Platform: what runs where. One implementation a file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from davylamp.judge.sample import Role
from davylamp.ledger.instance import Instance


@dataclass(frozen=True)
class StartOrder:
    """Start copies of a build. `ids` are chosen by the caller, so that an order given twice
    starts nothing twice."""

    ids: tuple[str, ...]
    service: str
    image: str
    """`repository@sha256:…`."""
    digest: str
    role: Role
    release_id: int
    health_path: str = "/healthz"
    start_seconds: float = 30.0
    """Until when a copy must answer on `health_path`."""
    registry: str = ""
    """Where the image is; empty for the platform's own registry."""
    environment: dict[str, str] = field(default_factory=dict[str, str])


class Platform(Protocol):
    """Starts, stops and lists instances. All calls have deadlines and raise `Unreachable`."""

    def start(self, order: StartOrder) -> None:
        """Take the order; the copies come up in the background and show in `instances`."""
        ...

    def stop(self, ids: Sequence[str], grace_seconds: float = 10.0) -> None:
        """Ask the copies to end, and end them after the grace. Unknown ids are fine."""
        ...

    def instances(self) -> list[Instance]:
        """The whole fleet, in one call. A stopped copy is not listed."""
        ...
