"""A release as the ledger recorded it, turned into the report's facts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection

from davylamp.builds.image import PushedImage
from davylamp.cli.demo.facts import EvidenceRow, ReleaseFacts
from davylamp.judge.verdict import Outcome
from davylamp.ledger.evidence import verdicts_of
from davylamp.ledger.models import ReleaseState
from davylamp.ledger.releases import Release, recent_releases

_DECIDING = {
    ReleaseState.PROMOTED: Outcome.PROMOTE,
    ReleaseState.UNCONFIRMED: Outcome.PROMOTE,
    ReleaseState.ROLLED_BACK: Outcome.ROLLBACK,
}


def release_of(db: Connection, service: str, pushed: PushedImage) -> Release | None:
    """The newest release of a pushed image; None while none has begun."""
    for release in recent_releases(db, service):
        digests = (release.digest, release.image.rpartition("@")[2])
        if pushed.digest in digests or pushed.version == _tag(release.image):
            return release
    return None


def read_facts(db: Connection, release: Release) -> ReleaseFacts:
    figures = release.figures or {}
    return ReleaseFacts(
        service=release.service,
        version=release.version or _tag(release.image),
        outcome=release.state.value,
        reason=release.reason,
        created_at=release.created_at,
        traffic_at=release.traffic_at,
        decided_at=release.decided_at,
        ended_at=release.ended_at,
        candidate_requests=int(figures.get("candidate_requests", 0)),
        candidate_failed=int(figures.get("candidate_failed", 0)),
        evidence=_evidence(verdicts_of(db, release.id), release.state),
    )


def _tag(image: str) -> str:
    return image.partition("@")[0].rpartition(":")[2]


def _evidence(
    verdicts: Sequence[Mapping[str, Any]], state: ReleaseState
) -> tuple[EvidenceRow, ...]:
    """The metrics of the verdict that decided; of the last one where none did."""
    wanted = _DECIDING.get(state)
    deciding = [v for v in verdicts if v["outcome"] == wanted] or verdicts
    if not deciding:
        return ()
    # A promotion is followed by the watch, whose verdicts compare with nobody.
    chosen = deciding[0] if wanted is Outcome.PROMOTE else deciding[-1]
    return tuple(
        EvidenceRow(
            metric=m["name"],
            classification=m["classification"],
            reason=m["reason"],
            candidate=m["candidate"],
            baseline=m["baseline"],
            unit=m["unit"],
        )
        for m in chosen["metrics"]
    )
