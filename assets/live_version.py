"""`live_version`: which build each service runs, reported by releases and by looking."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

import dagster as dg

if TYPE_CHECKING:
    from davylamp.catalog.model import Service
    from davylamp.ledger.instance import Instance
    from davylamp.ledger.inventory import Live
    from davylamp.rollout.parts import Parts

services = dg.DynamicPartitionsDefinition(name="services")
"""One partition a service of the catalog, kept so by a sensor."""

live_version = dg.AssetSpec(
    "live_version",
    partitions_def=services,
    group_name="fleet",
    kinds={"davylamp"},
    description=(
        "Which build each service runs. A release materializes it at its end; an observation "
        "is written whenever what runs, or what should run, has changed."
    ),
)


@dataclass(frozen=True)
class LiveVersion:
    """A service as the ledger says it should run, and as it was seen."""

    service: str
    version: str
    digest: str
    """Of the stable build; empty when the service was never released."""
    since: datetime | None
    ready: int
    """Stable copies seen ready that run that build."""
    wanted: int
    leftovers: tuple[str, ...]
    """Stable copies that run anything else, each with what it runs."""
    digests_seen: tuple[str, ...]

    @property
    def problem(self) -> str:
        """Why this service isn't as it was released; empty when it is."""
        if self.leftovers:
            return f"still running another build: {', '.join(self.leftovers)}"
        if self.digest and self.ready < self.wanted:
            return f"{self.ready} of {self.wanted} copies are ready"
        return ""

    @property
    def fingerprint(self) -> str:
        """Changes when there is something new to report."""
        return "|".join((self.digest[7:19], str(self.wanted), self.problem))


def read_live_versions(parts: Parts) -> list[LiveVersion]:
    """The whole fleet: one query, one look at the platform. Raises `Unreachable`."""
    from davylamp.ledger.inventory import Live, instances_of, live_services

    with parts.ledger.begin() as db:
        stable, known = live_services(db), instances_of(db)
    seen = _in_their_roles(parts.platform.instances(), known)
    return [
        _compared(one, stable.get(one.name, Live(one.name)), seen)
        for one in parts.catalog.services.values()
    ]


def read_live_version(parts: Parts, service: Service) -> LiveVersion:
    """One service. Raises `Unreachable`."""
    from davylamp.ledger.inventory import instances_of, live_service

    with parts.ledger.begin() as db:
        stable, known = live_service(db, service.name), instances_of(db, service.name)
    return _compared(service, stable, _in_their_roles(parts.platform.instances(), known))


def materialization(live: LiveVersion) -> dg.AssetMaterialization:
    """What a release reports at its end."""
    return dg.AssetMaterialization(
        live_version.key,
        partition=live.service,
        metadata=_metadata(live),
        tags={"dagster/data_version": live.digest or "none"},
    )


def observation(live: LiveVersion) -> dg.AssetObservation:
    """What a look at the fleet reports."""
    return dg.AssetObservation(
        live_version.key,
        partition=live.service,
        metadata=_metadata(live) | {"problem": live.problem or "none"},
        tags={"dagster/data_version": "+".join(live.digests_seen) or "none"},
    )


def _in_their_roles(seen: Sequence[Instance], known: Sequence[Instance]) -> list[Instance]:
    """Which part a copy plays is for the ledger to say; how it is, for the platform."""
    roles = {copy.id: copy.role for copy in known}
    return [replace(copy, role=roles.get(copy.id, copy.role)) for copy in seen]


def _compared(service: Service, stable: Live, fleet: Sequence[Instance]) -> LiveVersion:
    from davylamp.judge.sample import Role
    from davylamp.ledger.instance import InstanceState

    digest = stable.stable_digest or ""
    copies = [i for i in fleet if i.service == service.name and i.role is Role.STABLE]
    right = [i for i in copies if i.digest == digest]
    return LiveVersion(
        service=service.name,
        version=stable.stable_version or "none",
        digest=digest,
        since=stable.stable_since,
        ready=sum(i.state is InstanceState.READY for i in right),
        wanted=service.instances,
        leftovers=tuple(f"{i.id} ({i.digest[:19]})" for i in copies if i.digest != digest),
        digests_seen=tuple(sorted({i.digest for i in copies})),
    )


def _metadata(live: LiveVersion) -> dict[str, Any]:
    since = dg.MetadataValue.timestamp(live.since) if live.since else "never"
    return {
        "version": live.version,
        "digest": live.digest or "none",
        "instances ready": live.ready,
        "instances wanted": live.wanted,
        "since": since,
        "leftover instances": ", ".join(live.leftovers) or "none",
    }
