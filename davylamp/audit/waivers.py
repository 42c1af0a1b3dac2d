"""Waivers: findings somebody answers for, until a day. None lasts for ever. Pure.

A waiver that has run out, that fits nothing, or that names a code there isn't is shown itself:
what is waived must stay in sight.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from davylamp.audit.findings import Finding


@dataclass(frozen=True)
class Waiver:
    """Fits findings of its code and service; of one instance, if it names that."""

    code: str
    owner: str
    reason: str
    expires: datetime
    service: str | None = None
    """None: a finding about the fleet."""
    instance: str | None = None

    def fits(self, finding: Finding) -> bool:
        return (
            self.code == finding.code
            and self.service == finding.service
            and self.instance in (None, finding.instance)
        )


class WaiverState(StrEnum):
    ACTIVE = "active"
    EXPIRED = "expired"
    """It fits nothing any more; what it fitted is a finding again."""
    UNUSED = "unused"
    """There is nothing to waive: it can go."""
    UNKNOWN = "unknown"
    """No rule has its code."""


@dataclass(frozen=True)
class ShownWaiver:
    waiver: Waiver
    state: WaiverState
    waived: tuple[Finding, ...] = ()

    def document(self) -> dict[str, Any]:
        return {
            "code": self.waiver.code,
            "service": self.waiver.service,
            "instance": self.waiver.instance,
            "owner": self.waiver.owner,
            "reason": self.waiver.reason,
            "expires": self.waiver.expires.isoformat(),
            "state": self.state.value,
            "waived": len(self.waived),
        }


def apply_waivers(
    findings: Sequence[Finding], waivers: Sequence[Waiver], codes: frozenset[str], now: datetime
) -> tuple[tuple[Finding, ...], tuple[ShownWaiver, ...]]:
    """The findings nobody answers for, and how each waiver stands."""
    shown = tuple(_shown(one, findings, codes, now) for one in waivers)
    waived = {finding.key for one in shown for finding in one.waived}
    return tuple(f for f in findings if f.key not in waived), shown


def _shown(
    waiver: Waiver, findings: Sequence[Finding], codes: frozenset[str], now: datetime
) -> ShownWaiver:
    if waiver.code not in codes:
        return ShownWaiver(waiver, WaiverState.UNKNOWN)
    if waiver.expires <= now:
        return ShownWaiver(waiver, WaiverState.EXPIRED)
    fitting = tuple(finding for finding in findings if waiver.fits(finding))
    return ShownWaiver(waiver, WaiverState.ACTIVE if fitting else WaiverState.UNUSED, fitting)
