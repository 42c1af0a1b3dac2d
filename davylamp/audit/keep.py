"""keep: put an audit on record, with each finding's first day, and tell whoever wants to know."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from davylamp.audit.alerts.enqueue import enqueue
from davylamp.audit.closing import seen_enough
from davylamp.audit.findings import Finding
from davylamp.audit.fleet import Fleet
from davylamp.audit.frames import fleet_of
from davylamp.audit.inventory import Inventory
from davylamp.audit.run import Audit, audit_fleet
from davylamp.audit.waivers import Waiver
from davylamp.ledger.audits import Changes, Held, Look, open_findings, record_look
from davylamp.ledger.session import Ledger
from davylamp.settings import Settings


@dataclass(frozen=True)
class Kept:
    """An audit, and what of it is news."""

    fleet: Fleet
    """As the rules saw it."""
    audit: Audit
    changes: Changes
    open: tuple[Held, ...]
    """All that is held against the fleet now, since when; more than the audit's own findings
    where it couldn't see whether one is over."""


def keep(
    ledger: Ledger, settings: Settings, inventory: Inventory, waivers: Sequence[Waiver] = ()
) -> Kept:
    """Audit an inventory of the whole fleet, record it, and in the same transaction the notice to
    whoever wants to know. Raises `Unreachable`."""
    began = time.monotonic()
    fleet = fleet_of(inventory)
    audit = audit_fleet(fleet, waivers)
    may_close = seen_enough(fleet)
    look = Look(
        at=datetime.fromtimestamp(inventory.now, UTC),
        seconds=time.monotonic() - began,
        services=len(inventory.services),
        seen_instances=audit.seen_instances,
        counts=dict(Counter(one.code for one in audit.findings)),
        unseen=inventory.unseen,
    )
    with ledger.begin() as db:
        changes = record_look(
            db,
            look,
            [_held(one) for one in audit.findings],
            lambda one: may_close(one.code, one.service),
        )
        enqueue(db, changes, settings)
        return Kept(fleet, audit, changes, tuple(open_findings(db)))


def _held(one: Finding) -> Held:
    code, service, instance, subject = one.key
    return Held(code, service, instance, subject, one.severity.value, one.document())
