"""What the ledger has on record, as far as the audit holds the fleet against it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select

from davylamp.ledger import inventory, releases
from davylamp.ledger.instance import Instance, InstanceState
from davylamp.ledger.inventory import Live
from davylamp.ledger.models import InstanceRow
from davylamp.ledger.releases import Release
from davylamp.ledger.session import Ledger


@dataclass(frozen=True)
class Recorded:
    """The ledger at one moment, by its own clock."""

    now: datetime
    live: Mapping[str, Live]
    active: Mapping[str, Release]
    copies: Mapping[str, Instance]
    """By id: which part they play is assigned here, not by the platform."""
    observed_at: Mapping[str, datetime]
    """When something about a copy last changed."""


_OBSERVED = select(InstanceRow.id, InstanceRow.observed_at).where(
    InstanceRow.state != InstanceState.STOPPED
)


def read_recorded(ledger: Ledger) -> Recorded:
    """Raises `Unreachable`."""
    with ledger.begin() as db:
        return Recorded(
            now=releases.database_now(db),
            live=inventory.live_services(db),
            active={one.service: one for one in releases.active_releases(db)},
            copies={one.id: one for one in inventory.instances_of(db)},
            observed_at={row.id: row.observed_at for row in db.execute(_OBSERVED)},
        )
