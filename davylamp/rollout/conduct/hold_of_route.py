"""The hold a release has on its service's route: lease, shares, and their confirmation.

Nothing here renews by itself: whoever conducts the release must keep coming by. That is the
point of a lease.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

from davylamp.errors import FencedOff, Unreachable
from davylamp.ledger import routes
from davylamp.ledger.intent import RouteIntent
from davylamp.ledger.session import Ledger
from davylamp.settings import Settings

T = TypeVar("T")
_POLL_SECONDS = 0.03


@dataclass
class RouteHold:
    """One release's right to say what traffic should be, as long as it keeps renewing it."""

    ledger: Ledger
    settings: Settings
    service: str
    release_id: int
    fence: int
    vigil: Callable[[], None] | None = None
    """What else to do whenever the lease is looked after."""
    _renewed_at: float = field(default_factory=time.monotonic)

    def renew(self) -> None:
        """Renew the lease when it is time to. Raises `FencedOff` when it was taken away.

        A ledger that doesn't answer is borne until the lease it last granted has run out.
        """
        if time.monotonic() - self._renewed_at < self.settings.renew_seconds:
            self._check_still_mine()
        else:
            self.patiently(self._renew)
        if self.vigil is not None:
            act, self.vigil = self.vigil, None  # it renews as well: not again from within
            try:
                act()
            finally:
                self.vigil = act

    def patiently(self, act: Callable[[], T]) -> T:
        """Do something with the ledger, again and again, while the lease may still be valid."""
        while True:
            try:
                return act()
            except Unreachable:
                if time.monotonic() - self._renewed_at > self.settings.lease_seconds:
                    raise
                time.sleep(0.5)

    def set_shares(self, candidate: float, baseline: float, reason: str) -> RouteIntent:
        """Write the shares down; the controller carries them out."""

        def write() -> RouteIntent:
            with self.ledger.begin() as db:
                return routes.set_shares(
                    db,
                    self.service,
                    self.fence,
                    candidate=candidate,
                    baseline=baseline,
                    lease_seconds=self.settings.lease_seconds,
                    reason=reason,
                )

        intent = self.patiently(write)
        self._renewed_at = time.monotonic()
        return intent

    def wait_until_confirmed(self, intent: RouteIntent) -> None:
        """Wait for the router to be *seen* with this generation. Raises `Unreachable`."""
        deadline = time.monotonic() + self.settings.confirm_seconds
        while time.monotonic() < deadline:
            self.renew()
            if confirmed(self.ledger, intent):
                return
            time.sleep(_POLL_SECONDS)
        raise Unreachable(
            f"no router confirmed generation {intent.generation} of {self.service} within "
            f"{self.settings.confirm_seconds:.0f} s: `davylamp status` shows whether the "
            "traffic controller and its router are up"
        )

    def _renew(self) -> None:
        with self.ledger.begin() as db:
            routes.renew_lease(db, self.service, self.fence, self.settings.lease_seconds)
        self._renewed_at = time.monotonic()

    def _check_still_mine(self) -> None:
        def read() -> RouteIntent | None:
            with self.ledger.begin() as db:
                return routes.read_route(db, self.service)

        intent = self.patiently(read)
        if intent is None or intent.fence != self.fence:
            why = intent.reason if intent else "its row is gone"
            raise FencedOff(f"the route of {self.service} was taken away: {why}")


def confirmed(ledger: Ledger, intent: RouteIntent) -> bool:
    with ledger.begin() as db:
        now = routes.read_route(db, intent.service)
    return now is not None and now.confirmed_generation >= intent.generation


def wait_for_stable(ledger: Ledger, intent: RouteIntent, seconds: float) -> bool:
    """Wait, without a lease, until the router was seen with this generation. False: not in time."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if confirmed(ledger, intent):
            return True
        time.sleep(_POLL_SECONDS)
    return False
