"""run_audit: every rule over one fleet."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from davylamp.audit.all_rules import CODES, RULES
from davylamp.audit.findings import Finding, Severity
from davylamp.audit.fleet import Fleet
from davylamp.audit.frames import fleet_of
from davylamp.audit.inventory import Inventory
from davylamp.audit.waivers import ShownWaiver, Waiver, apply_waivers


@dataclass(frozen=True)
class Audit:
    """What was found, the worst first, and what somebody answers for."""

    findings: tuple[Finding, ...]
    seen_instances: int
    """Distinct instances seen within their service's limit."""
    waivers: tuple[ShownWaiver, ...] = ()

    @property
    def is_critical(self) -> bool:
        return any(one.severity is Severity.CRITICAL for one in self.findings)

    @property
    def waived(self) -> tuple[Finding, ...]:
        found = {f.key: f for one in self.waivers for f in one.waived}
        return tuple(found.values())

    def document(self) -> dict[str, Any]:
        return {
            "findings": [one.document() for one in self.findings],
            "seen_instances": self.seen_instances,
            "waived": [one.document() for one in self.waived],
            "waivers": [one.document() for one in self.waivers],
        }


def run_audit(inventory: Inventory, waivers: Sequence[Waiver] = (), service: str = "") -> Audit:
    """Audit a fleet, or only `service` of it. Pure: the same inventory, the same answer."""
    return audit_fleet(fleet_of(inventory), waivers, service)


def audit_fleet(fleet: Fleet, waivers: Sequence[Waiver] = (), service: str = "") -> Audit:
    """The same over frames that are made already."""
    findings = [one for one in find_all(fleet) if service in ("", one.service)]
    at = datetime.fromtimestamp(fleet.now, UTC)
    mine = [one for one in waivers if service in ("", one.service)]
    left, shown = apply_waivers(findings, mine, CODES, at)
    rows = fleet.instances
    is_counted = rows["is_seen"] & (rows["service"].eq(service) if service else True)
    return Audit(left, int(rows["id"][is_counted].nunique()), shown)


def find_all(fleet: Fleet) -> list[Finding]:
    """Each thing once: the worst first, then by code, service and instance."""
    found: dict[tuple[str, ...], Finding] = {}
    for rule in RULES:
        for one in rule.find(fleet):
            known = found.get(one.key)
            if known is None or _order(one) < _order(known):
                found[one.key] = one
    return sorted(found.values(), key=_order)


def _order(one: Finding) -> tuple[int | str, ...]:
    return one.severity.rank, *one.key, one.detail
