"""The Envoy router: files for what exists, a stream for who gets it.

Order is safety here. Shares go down before anything else is touched; clusters come before
the routes that lead to them, and go after them; shares go up last. Each step is seen in
Envoy before the next.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import structlog

from davylamp.catalog.model import Catalog
from davylamp.judge.sample import Role
from davylamp.ledger.intent import ServiceRoute
from davylamp.traffic.effective import Weights
from davylamp.traffic.envoy.admin import Admin
from davylamp.traffic.envoy.config import Fleet, fleet_of, usable
from davylamp.traffic.envoy.disk import Disk
from davylamp.traffic.envoy.rtds import RtdsServer
from davylamp.traffic.envoy.shares import Share, Wish, fleet_values, lowered

_log: Any = structlog.get_logger("davylamp.traffic.envoy")


@dataclass(frozen=True)
class _Seen:
    """Versions that this very Envoy was seen to have in force."""

    arrivals: int = -1
    clusters: str = ""
    routes: str = ""


class EnvoyRouter:
    """Implements `davylamp.traffic.protocol.Router` for one Envoy on this machine."""

    def __init__(
        self,
        folder: Path,
        admin: Admin,
        rtds: RtdsServer,
        catalog: Callable[[], Catalog],
        *,
        step_seconds: float = 5.0,
    ) -> None:
        self._disk = Disk.read(folder)
        self._admin = admin
        self._rtds = rtds
        self._catalog = catalog
        self._step_seconds = step_seconds
        self._wishes: dict[str, Wish] = {}
        self._trials = self._disk.trials()
        # whoever was here before may have set anything: it can only be lowered
        self._shares = {s: Share(t.release_id, 1.0, 1.0) for s, t in self._trials.items()}
        self._serial = 0
        self._seen = _Seen()
        self._built: tuple[object, Catalog, Fleet] | None = None
        self._settled_fleet: Fleet | None = None
        self._complaints: dict[str, str] = {}
        self._applying = asyncio.Lock()

    async def lower(self, weights: Mapping[str, Weights]) -> None:
        now = time.monotonic()
        self._wishes = {service: Wish.of(one, now) for service, one in weights.items()}
        self._push(self._shares)

    async def apply(
        self, routes: Mapping[str, ServiceRoute], weights: Mapping[str, Weights]
    ) -> Mapping[str, int]:
        await self.lower(weights)
        async with self._applying:
            if not await self._rtds.settled(self._serial, self._step_seconds):
                self._complain("shares", "envoy does not acknowledge them", self._rtds.refusals())
                return {}
            fleet = await self._fleet(routes)
            if not await self._put_in_force(fleet):
                return {}
            confirmed = await self._raise_to(fleet, routes, weights)
            await self._prune(fleet)
            return confirmed

    async def _fleet(self, routes: Mapping[str, ServiceRoute]) -> Fleet:
        """What Envoy shall know; the same one again when only shares have changed.

        Building it takes a while for a large fleet, and must not delay lowering.
        """
        catalog = self._catalog()
        shape = {s: (r.intent.release_id, r.intent.seed, r.endpoints) for s, r in routes.items()}
        if self._built is None or self._built[:2] != (shape, catalog):
            fleet = await asyncio.to_thread(fleet_of, routes, catalog, self._disk.last())
            self._built = (shape, catalog, fleet)
            self._settled_fleet = None
            self._report(fleet.complaints)
        return self._built[2]

    async def close(self) -> None:
        await self._admin.close()

    async def _put_in_force(self, fleet: Fleet) -> bool:
        """Clusters first, then the routes that lead to them; each seen in Envoy."""
        if fleet is self._settled_fleet and self._disk.is_untouched():
            disk = self._disk
            return await self._is_seen(clusters=disk.cds_version, routes=disk.rds_version)
        clusters = await asyncio.to_thread(self._disk.write_clusters, fleet, keep_referenced=True)
        if not await self._is_seen(clusters=clusters):
            return False
        routes = await asyncio.to_thread(self._disk.write_routes, fleet)
        return await self._is_seen(clusters=clusters, routes=routes)

    async def _raise_to(
        self, fleet: Fleet, routes: Mapping[str, ServiceRoute], weights: Mapping[str, Weights]
    ) -> dict[str, int]:
        """Set the shares, wait for Envoy to have them, and say whose generation is in force."""
        goal = {s: Share(w.release_id, w.candidate, w.baseline) for s, w in weights.items()}
        self._trials = dict(fleet.trials)
        self._push(goal)
        serial, shares = self._serial, dict(self._shares)
        acknowledged = await self._rtds.acknowledged(serial, self._step_seconds)
        without_shares = acknowledged or await self._rtds.settled(serial, self._step_seconds)
        confirmed: dict[str, int] = {}
        for service, route in routes.items():
            wanted, given = goal.get(service, Share()), shares.get(service, Share())
            if service not in fleet.served or (not wanted.is_nothing and wanted != given):
                continue
            if _lacks_endpoints(route):
                continue  # what was asked for is not what users get
            if acknowledged or (given.is_nothing and without_shares):
                confirmed[service] = route.intent.generation
        return confirmed

    def _push(self, goal: Mapping[str, Share]) -> None:
        """Vouch for the goal, as far as it is still wanted and its routes are in force."""
        now = time.monotonic()
        shares: dict[str, Share] = {}
        until = float("inf")
        for service, share in goal.items():
            wish, trial = self._wishes.get(service), self._trials.get(service)
            kept = lowered(share, wish, now)
            if wish is None or trial is None or kept.is_nothing:
                continue
            if trial.release_id == kept.release_id:
                shares[service] = kept
                until = min(until, wish.until)
        self._shares = shares
        self._serial = self._rtds.vouch(fleet_values(shares, self._trials), until)

    async def _prune(self, fleet: Fleet) -> None:
        """Take away clusters that nothing leads to any more."""
        if fleet is self._settled_fleet:
            return
        version = await asyncio.to_thread(self._disk.write_clusters, fleet, keep_referenced=False)
        if await self._is_seen(clusters=version, routes=self._disk.rds_version):
            self._settled_fleet = fleet

    async def _is_seen(self, *, clusters: str, routes: str = "") -> bool:
        """Wait until this Envoy has these versions in force."""
        arrivals = self._rtds.arrivals
        seen = self._seen
        if arrivals == seen.arrivals and clusters == seen.clusters and routes in ("", seen.routes):
            return True
        done, now = await self._admin.wait_for(
            clusters=clusters, routes=routes, seconds=self._step_seconds
        )
        if done:
            self._seen = _Seen(arrivals, now.clusters, now.routes)
        else:
            self._complain("files", "envoy has not taken them over", now)
        return done

    def _report(self, complaints: Mapping[str, str]) -> None:
        for service, what in complaints.items():
            if self._complaints.get(service) != what:
                _log.warning("left out of the routes", service=service, what=what)
        self._complaints = dict(complaints)

    def _complain(self, subject: str, what: str, detail: object) -> None:
        _log.error("not confirmed", subject=subject, what=what, detail=detail)


def _lacks_endpoints(route: ServiceRoute) -> bool:
    """Whether a share was asked for that no copy is there to serve."""
    intent = route.intent
    if intent.release_id is None or intent.lease_expires_at is None:
        return False
    asked = {Role.CANDIDATE: intent.candidate_share, Role.BASELINE: intent.baseline_share}
    return any(share > 0 and not usable(route, role) for role, share in asked.items())
