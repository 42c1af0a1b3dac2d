"""The loop that carries out what the ledger says, and vouches for it every second.

A share is vouched for only right after the ledger was asked. While the ledger does not
answer, leases count down as they were last read; nothing extends them.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from typing import Any

import structlog

from davylamp.errors import Unreachable
from davylamp.ledger.intent import ServiceRoute
from davylamp.ledger.routes import confirm_routes
from davylamp.ledger.session import Ledger
from davylamp.traffic.catalog_watch import CatalogWatch
from davylamp.traffic.effective import Weights, effective
from davylamp.traffic.errand import Errand
from davylamp.traffic.protocol import Router
from davylamp.traffic.view import View, read_view

_LONGEST_TICK_SECONDS = 1.0
_BEFORE_THE_END_SECONDS = 0.3
"""How long before a lease ends to come by: an end nobody comes by for ends everything."""
_DEBOUNCE_SECONDS = 0.002
_WRITE_SECONDS = 5.0
_RENEW_ALL_SECONDS = 30.0
_log: Any = structlog.get_logger("davylamp.traffic.controller")


class Steering:
    """Brings one router to what the ledger says."""

    def __init__(
        self, ledger: Ledger, router: Router, catalog: CatalogWatch, ttl_seconds: float
    ) -> None:
        self._ledger = ledger
        self._router = router
        self._catalog = catalog
        self._ttl_seconds = ttl_seconds
        # asking and pausing together must stay well below the time to live
        self._tick_seconds = min(_LONGEST_TICK_SECONDS, ttl_seconds / 4)
        self._reading = Errand("reading the ledger")
        self._writing = Errand("writing confirmations")
        self._news = asyncio.Event()
        self._view = View()
        self._failing = ""
        self._applied: object = None
        self._applied_at = 0.0
        self._application: asyncio.Task[None] | None = None
        self._come_back = False
        self._told: dict[str, tuple[float, float, str]] = {}

    def ring(self) -> None:
        """Something changed: look now instead of at the next tick."""
        self._news.set()

    async def run(self) -> None:
        """Until cancelled."""
        try:
            while True:
                await self._look()
                weights = self._weights()
                await self._router.lower(weights)
                self._tell(weights)
                self._apply_if_needed(weights)
                await self._pause(weights)
        finally:
            if self._application is not None:
                self._application.cancel()

    async def _look(self) -> None:
        try:
            self._view = await self._reading.run(
                lambda: read_view(self._ledger), self._tick_seconds
            )
        except Unreachable as error:
            if not self._failing:
                _log.warning("the ledger is out of reach; leases run out", why=str(error))
            self._failing = str(error)
            return
        if self._failing:
            _log.info("the ledger is back")
            self._failing = ""

    def _weights(self) -> dict[str, Weights]:
        now = self._view.now(time.monotonic())
        return {
            service: effective(route, now, self._ttl_seconds)
            for service, route in self._view.routes.items()
        }

    def _apply_if_needed(self, weights: Mapping[str, Weights]) -> None:
        """Applying takes as long as it takes, beside this loop: only one at a time."""
        if self._application is not None and not self._application.done():
            self._come_back = True
            return
        if self._failing or not self._view.routes:
            return  # what was read last says nothing about what may be raised now
        situation = self._situation(weights)
        due = time.monotonic() - self._applied_at > _RENEW_ALL_SECONDS
        unconfirmed = any(not route.intent.is_confirmed for route in self._view.routes.values())
        if situation != self._applied or unconfirmed or due:
            self._application = asyncio.create_task(
                self._apply(dict(self._view.routes), weights, situation)
            )
            self._application.add_done_callback(self._after_applying)

    def _after_applying(self, application: asyncio.Task[None]) -> None:
        """What goes wrong here never ends the loop that vouches and lowers."""
        error = None if application.cancelled() else application.exception()
        if error is not None:
            _log.error("applying failed; the next tick tries again", exc_info=error)
        if self._come_back:
            self._come_back = False
            self.ring()

    def _situation(self, weights: Mapping[str, Weights]) -> object:
        """All that, once changed, has to be applied; leases and times are not part of it."""
        routes = {
            service: (r.intent.generation, r.intent.release_id, r.intent.seed, r.endpoints)
            for service, r in self._view.routes.items()
        }
        shares = {service: (w.candidate, w.baseline) for service, w in weights.items()}
        return routes, shares, self._catalog.edition

    async def _apply(
        self,
        routes: Mapping[str, ServiceRoute],
        weights: Mapping[str, Weights],
        situation: object,
    ) -> None:
        confirmed = await self._router.apply(routes, weights)
        news = {
            service: generation
            for service, generation in confirmed.items()
            if generation > routes[service].intent.confirmed_generation
        }
        if len(confirmed) == len(routes):
            self._applied, self._applied_at = situation, time.monotonic()
        try:
            await self._writing.run(lambda: self._write(news), _WRITE_SECONDS)
        except Unreachable as error:
            _log.warning("confirmations were not written", why=str(error))
            return
        for service, generation in news.items():
            _log.info("confirmed", service=service, generation=generation)
        if news:
            self.ring()

    def _write(self, generations: Mapping[str, int]) -> None:
        if generations:
            with self._ledger.begin() as db:
                confirm_routes(db, generations)

    async def _pause(self, weights: Mapping[str, Weights]) -> None:
        """Until the next tick, the next end of a lease, or news; whichever comes first."""
        ends = [w.ttl_seconds for w in weights.values() if not w.all_stable]
        seconds = max(min([self._tick_seconds, *(e - _BEFORE_THE_END_SECONDS for e in ends)]), 0.01)
        try:
            async with asyncio.timeout(seconds):
                await self._news.wait()
                await asyncio.sleep(_DEBOUNCE_SECONDS)
        except TimeoutError:
            return
        finally:
            self._news.clear()

    def _tell(self, weights: Mapping[str, Weights]) -> None:
        """Log every change of what users get, and why."""
        for service, w in weights.items():
            now = (w.candidate, w.baseline, w.reason)
            if self._told.get(service) == now:
                continue
            self._told[service] = now
            _log.info(
                "shares",
                service=service,
                generation=self._view.routes[service].intent.generation,
                release=w.release_id,
                candidate=w.candidate,
                baseline=w.baseline,
                why=w.reason,
            )
