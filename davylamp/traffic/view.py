"""What was last read of the ledger, and what time it is there."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from davylamp.ledger.intent import ServiceRoute
from davylamp.ledger.routes import read_fleet
from davylamp.ledger.session import Ledger

_LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class View:
    """All routes, and the ledger's clock at one moment of ours (monotonic seconds)."""

    routes: Mapping[str, ServiceRoute] = field(default_factory=dict[str, ServiceRoute])
    ledger_time: datetime = _LONG_AGO
    at: float = 0.0

    def now(self, monotonic: float) -> datetime:
        """The ledger's clock, by ours: a stopped ledger does not stop leases from ending."""
        return self.ledger_time + timedelta(seconds=monotonic - self.at)


def read_view(ledger: Ledger) -> View:
    """Read all routes at once. Raises `Unreachable`.

    The moment is taken before asking: a slow answer makes leases end earlier, never later.
    """
    before = time.monotonic()
    with ledger.begin() as db:
        routes, ledger_time = read_fleet(db)
    return View(routes, ledger_time, before)
