"""Facts: what the ledger says of a release, as the report needs it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from davylamp.report.full_blast import failure_share


@dataclass(frozen=True)
class EvidenceRow:
    """One metric of the verdict that decided. Figures are None where they could not be had."""

    metric: str
    classification: str
    reason: str
    candidate: float | None = None
    baseline: float | None = None
    unit: str = ""


@dataclass(frozen=True)
class ReleaseFacts:
    """One release. The times are the database's; None means: it never came to that."""

    service: str
    version: str
    outcome: str
    reason: str
    created_at: datetime
    traffic_at: datetime | None = None
    """When users first met the candidate."""
    decided_at: datetime | None = None
    ended_at: datetime | None = None
    candidate_requests: int = 0
    """Attempts the candidate completed, counted at the router: the shield's repeats too."""
    candidate_failed: int = 0
    """Those of them that failed."""
    evidence: tuple[EvidenceRow, ...] = ()

    @property
    def failure_share(self) -> float:
        """Share of the candidate's attempts that failed; 0 when it had none."""
        return failure_share(self.candidate_failed, self.candidate_requests)
