"""Sight: a service as it is right now, by its platform, the ledger and the catalog."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from sqlalchemy import Connection

from davylamp.catalog.model import Service
from davylamp.judge.sample import Role
from davylamp.ledger import builds, inventory, releases, routes
from davylamp.ledger.builds import Build
from davylamp.ledger.instance import Instance, InstanceState
from davylamp.ledger.intent import RouteIntent
from davylamp.ledger.inventory import Live
from davylamp.ledger.releases import Release
from davylamp.rollout.parts import Parts

_GONE = (InstanceState.FAILED, InstanceState.STOPPED)


@dataclass(frozen=True)
class Sight:
    """All that a repair goes by."""

    service: str
    entry: Service | None
    """None: the catalog doesn't have it."""
    live: Live
    active: Release | None
    route: RouteIntent | None
    builds: Mapping[str, Build]
    """By digest: the stable build, and those that run; one that is not here is in no ledger."""
    copies: tuple[Instance, ...]
    """As the platform shows them, in the part the ledger has them play."""

    @property
    def stable(self) -> str:
        return self.live.stable_digest or ""

    @property
    def wanted(self) -> int:
        """How many copies; a service that was never released wants none yet."""
        return self.entry.instances if self.entry and self.stable else 0

    @property
    def running(self) -> list[Instance]:
        return [one for one in self.copies if one.state not in _GONE]

    @property
    def on_stable(self) -> list[Instance]:
        """Copies of the stable build that are there to serve, ready or not."""
        return [
            one for one in self.running if one.role is Role.STABLE and one.digest == self.stable
        ]

    @property
    def missing(self) -> int:
        return max(self.wanted - len(self.on_stable), 0)

    def ready_but(self, instance: str) -> list[Instance]:
        """Who serves when a copy is gone."""
        others = [one for one in self.on_stable if one.id != instance]
        return [one for one in others if one.state is InstanceState.READY]

    def copy(self, instance: str) -> Instance | None:
        return next((one for one in self.running if one.id == instance), None)

    def bad(self, digest: str) -> str:
        """Why a build was once taken back; empty when it wasn't."""
        build = self.builds.get(digest)
        return (build.known_bad_reason or "") if build else ""

    def name_of(self, digest: str) -> str:
        build = self.builds.get(digest)
        return f"{build.version} ({digest[:19]})" if build else digest[:19]


def look(parts: Parts, service: str, seen: Sequence[Instance] | None = None) -> Sight:
    """Raises `Unreachable` when platform or ledger don't answer: what can't be seen isn't touched.
    `seen`: the platform's answer, where it was asked just now."""
    shown = parts.platform.instances() if seen is None else seen
    mine = [one for one in shown if one.service == service]
    with parts.ledger.begin() as db:
        live = inventory.live_service(db, service)
        parts_played = {one.id: one.role for one in inventory.instances_of(db, service)}
        digests = {one.digest for one in mine} | {live.stable_digest or ""}
        return Sight(
            service=service,
            entry=parts.catalog.services.get(service),
            live=live,
            active=releases.active_release(db, service),
            route=routes.read_route(db, service),
            builds=_builds(db, service, digests),
            copies=tuple(replace(one, role=parts_played.get(one.id, one.role)) for one in mine),
        )


def _builds(db: Connection, service: str, digests: set[str]) -> dict[str, Build]:
    found = (builds.build_of(db, service, digest) for digest in digests if digest)
    return {one.digest: one for one in found if one}
