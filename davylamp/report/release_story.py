"""ReleaseStory: all that is told of one release."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from davylamp.judge.verdict import Verdict
from davylamp.ledger.builds import Build
from davylamp.ledger.releases import Event, Release
from davylamp.ledger.schema import SchemaEvent
from davylamp.report.full_blast import failure_share, full_blast_failures
from davylamp.report.page import Picture
from davylamp.report.steps_taken import steps_taken
from davylamp.rollout.reachability import Reach


@dataclass(frozen=True)
class Cost:
    """What the release cost users, by the router's count of attempts. None: not known."""

    candidate_requests: int | None = None
    candidate_failed: int | None = None
    baseline_requests: int | None = None
    baseline_failed: int | None = None
    requests_exposed: int | None = None
    """To the service, whoever answered, from the first user to the decision."""

    @property
    def full_blast_failed(self) -> int | None:
        """Had everybody had the candidate; see `full_blast`."""
        if None in (self.requests_exposed, self.candidate_requests, self.candidate_failed):
            return None
        share = failure_share(self.candidate_failed or 0, self.candidate_requests or 0)
        return full_blast_failures(self.requests_exposed or 0, share)

    def document(self) -> dict[str, Any]:
        return asdict(self) | {"full_blast_failed_requests": self.full_blast_failed}


@dataclass(frozen=True)
class ReleaseStory:
    """One release as the ledger holds it, with what was drawn of it."""

    release: Release
    told_at: datetime
    events: Sequence[Event] = ()
    verdict: Verdict | None = None
    """The one that decided; the last one where none did."""
    cost: Cost = Cost()
    build: Build | None = None
    stable_before: Build | None = None
    schema: Sequence[SchemaEvent] = ()
    """What its work on schemas left in the record."""
    back: Sequence[Reach] = ()
    """Where the service could go back to when this was told."""
    no_way_back_known: str = ""
    """Why it isn't known; empty when it is."""
    pictures: Sequence[Picture] = ()
    no_pictures: str = ""
    """Why there are none."""

    @property
    def seconds_to_decision(self) -> float | None:
        """From the first user; from the opening where no user met it."""
        release = self.release
        if release.decided_at is None:
            return None
        return (release.decided_at - (release.traffic_at or release.created_at)).total_seconds()

    def document(self) -> dict[str, Any]:
        """As JSON; its pictures are left out."""
        release, before = self.release, self.stable_before
        plain = asdict(release)
        return {
            "release": {k: v for k, v in plain.items() if k not in ("plan", "entry", "seed")},
            "from": {
                "digest": release.stable_digest,
                "version": before.version if before else None,
            },
            "seconds_to_decision": self.seconds_to_decision,
            "cost": self.cost.document(),
            "steps": [
                asdict(one) | {"seconds": one.seconds} for one in steps_taken(release, self.events)
            ],
            "verdict": asdict(self.verdict) if self.verdict else None,
            "schema": [asdict(one) for one in self.schema],
            "back": [one.document() for one in self.back],
            "events": [asdict(one) for one in self.events],
        }
