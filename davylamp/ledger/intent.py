"""Route intent: what traffic should be, as the ledger holds it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from davylamp.judge.sample import Role


@dataclass(frozen=True)
class RouteIntent:
    """What a release wants traffic to be. Shares in [0, 1]; times by the database's clock."""

    service: str
    generation: int
    fence: int
    release_id: int | None = None
    candidate_share: float = 0.0
    baseline_share: float = 0.0
    seed: int = 0
    lease_expires_at: datetime | None = None
    reason: str = ""
    confirmed_generation: int = 0
    updated_at: datetime | None = None

    @property
    def is_confirmed(self) -> bool:
        return self.confirmed_generation >= self.generation


@dataclass(frozen=True)
class ServiceRoute:
    """All a router has to know of one service, read in one transaction."""

    intent: RouteIntent
    endpoints: Mapping[Role, tuple[str, ...]] = field(default_factory=dict[Role, tuple[str, ...]])
    """`host:port` of the copies that may get requests, by role."""
