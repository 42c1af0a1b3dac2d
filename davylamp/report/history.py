"""The newest releases in a few figures each: for lists."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from davylamp.ledger.releases import Release, recent_releases


@dataclass(frozen=True)
class PastRelease:
    """One release in a line."""

    id: int
    service: str
    version: str
    state: str
    reason: str
    requested_by: str
    created_at: datetime
    ended_at: datetime | None
    seconds_to_decision: float | None
    """From the first user; None where no user met it, or nothing was decided."""
    candidate_requests: int | None
    harmed_requests: int | None

    def document(self) -> dict[str, Any]:
        return asdict(self)


def newest(db: Connection, service: str = "", limit: int = 20) -> list[PastRelease]:
    """Of one service when named."""
    return [_line(one) for one in recent_releases(db, service, limit)]


def _line(one: Release) -> PastRelease:
    decided = None
    if one.traffic_at and one.decided_at:
        decided = max((one.decided_at - one.traffic_at).total_seconds(), 0.0)
    figures = one.figures or {}
    requests, failed = figures.get("candidate_requests"), figures.get("candidate_failed")
    return PastRelease(
        id=one.id,
        service=one.service,
        version=one.version or one.image,
        state=str(one.state),
        reason=one.reason,
        requested_by=one.requested_by,
        created_at=one.created_at,
        ended_at=one.ended_at,
        seconds_to_decision=decided,
        candidate_requests=None if requests is None else round(float(requests)),
        harmed_requests=None if failed is None else round(float(failed)),
    )
