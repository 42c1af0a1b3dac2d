"""What traffic should be right now: intent + lease + clock → weights. Pure."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime

from davylamp.judge.sample import Role
from davylamp.ledger.intent import ServiceRoute


@dataclass(frozen=True)
class Weights:
    """Shares of users, in [0, 1]; stable has the rest. `ttl_seconds` is how long a router may
    go on believing them without being told again."""

    candidate: float
    baseline: float
    ttl_seconds: float
    reason: str
    release_id: int | None = None
    """Whose shares these are; they must never act on another release's routes."""

    @property
    def all_stable(self) -> bool:
        return self.candidate == 0 and self.baseline == 0


def effective(route: ServiceRoute, now: datetime, ttl_seconds: float) -> Weights:
    """Silence means stable: no lease, an expired lease, or nobody to serve → zero shares."""
    intent = route.intent
    if intent.release_id is None or intent.candidate_share + intent.baseline_share <= 0:
        return _stable(ttl_seconds, intent.reason or "no release has traffic")
    if intent.lease_expires_at is None:
        return _stable(ttl_seconds, f"release {intent.release_id} holds no lease")
    left = (intent.lease_expires_at - now).total_seconds()
    if left <= 0:
        return _stable(ttl_seconds, f"the lease of release {intent.release_id} has run out")
    if not route.endpoints.get(Role.CANDIDATE):
        return _stable(ttl_seconds, f"release {intent.release_id} has no candidate instance")
    candidate = _clamp(intent.candidate_share)
    baseline = min(_clamp(intent.baseline_share), 1.0 - candidate)
    if not route.endpoints.get(Role.BASELINE):
        baseline = 0.0
    return Weights(candidate, baseline, min(ttl_seconds, left), intent.reason, intent.release_id)


def _stable(ttl_seconds: float, reason: str) -> Weights:
    return Weights(0.0, 0.0, ttl_seconds, reason)


def _clamp(share: float) -> float:
    return 0.0 if math.isnan(share) else min(max(share, 0.0), 1.0)
