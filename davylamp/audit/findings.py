"""Finding: one thing the audit holds against the fleet."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any


class Severity(StrEnum):
    CRITICAL = "critical"
    WARNING = "warning"

    @property
    def rank(self) -> int:
        """0 is the worst."""
        return 0 if self is Severity.CRITICAL else 1


@dataclass(frozen=True)
class Finding:
    """What is wrong, where, since when, and what to do about it."""

    code: str
    severity: Severity
    service: str | None
    """None where it is about the fleet."""
    instance: str | None
    """None where it is about the service."""
    detail: str
    """The evidence, in a sentence that names builds, flags and revisions."""
    next: str
    """What to do."""
    since: datetime | None = None
    """None where nothing tells."""
    subject: str = ""
    """What of the fleet, where neither service nor instance say it: a flag, a database."""

    @property
    def key(self) -> tuple[str, str, str, str]:
        """Two findings of one key are the same thing, found twice."""
        return self.code, self.service or "", self.instance or "", self.subject

    def document(self) -> dict[str, Any]:
        return {
            "code": self.code,
            "severity": self.severity.value,
            "service": self.service,
            "instance": self.instance,
            "detail": self.detail,
            "since": self.since.isoformat() if self.since else None,
            "next": self.next,
        }


def moment(at: float | None) -> datetime | None:
    """A moment from Unix seconds; None for NaN too."""
    return None if at is None or math.isnan(at) else datetime.fromtimestamp(at, UTC)
