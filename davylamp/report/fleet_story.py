"""FleetStory: all that is told of the whole fleet at one moment."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from davylamp.forecast.forecast import Forecast
from davylamp.ledger.audits import Held, Look
from davylamp.ledger.inventory import Live
from davylamp.ledger.releases import Release
from davylamp.report.days import Day, by_outcome
from davylamp.report.dora import Dora
from davylamp.report.ended_releases import Window
from davylamp.report.own_figures import Past
from davylamp.report.page import Picture


@dataclass(frozen=True)
class Outlook:
    """The forecast as assumed, and with the fleet's own figures in place of the assumptions."""

    past: Past
    assumed: Forecast
    own: Forecast

    def document(self) -> dict[str, Any]:
        return {
            "figures": self.past.document(),
            "assumed": self.assumed.document(),
            "own": self.own.document(),
        }


@dataclass(frozen=True)
class ServiceNow:
    """What one service runs. `ready` of `copies` copies are ready."""

    live: Live
    ready: int
    copies: int
    release: Release | None = None


@dataclass(frozen=True)
class FleetStory:
    told_at: datetime
    window: Window
    """The releases that figures over many are made of."""
    services: Sequence[ServiceNow]
    findings: Sequence[Held]
    """Held against the fleet now."""
    looks: Sequence[Look]
    """The newest audits, newest first."""
    dora: Dora
    by_service: Mapping[str, Dora]
    days: Sequence[Day]
    outlook: Outlook | None
    no_outlook: str = ""
    """Why there is no forecast."""
    pictures: Sequence[Picture] = ()

    @property
    def active(self) -> list[Release]:
        return [one.release for one in self.services if one.release]

    def document(self) -> dict[str, Any]:
        return {
            "at": self.told_at,
            "since": self.window.since,
            "services": [_service(one) for one in self.services],
            "findings": [
                dict(one.document) | {"open_since": one.first_seen_at} for one in self.findings
            ],
            "audits": [asdict(one) for one in self.looks],
            "outcomes": by_outcome(self.window.releases),
            "days": [
                {"on": one.on, **{str(k): v for k, v in one.counts.items()}} for one in self.days
            ],
            "dora": self.dora.document(),
            "dora_by_service": {name: one.document() for name, one in self.by_service.items()},
            "forecast": self.outlook.document() if self.outlook else None,
        }


def _service(one: ServiceNow) -> dict[str, Any]:
    release = one.release
    return asdict(one.live) | {
        "ready": one.ready,
        "copies": one.copies,
        "release": release.id if release else None,
        "release_state": str(release.state) if release else None,
        "candidate_version": (release.version or release.image) if release else None,
    }
