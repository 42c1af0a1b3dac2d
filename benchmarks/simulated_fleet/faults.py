"""Faults to plant in a simulated fleet, and what an audit has to find for each: that, and no more.

Each is planted where it would come from: in what platform, copies or Envoy say, in the ledger, in
a database, in the catalog. Those of one copy take a service's first.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import func, insert, update

from benchmarks.simulated_fleet.databases import connect_as, set_migrated, set_present
from benchmarks.simulated_fleet.names import (
    VERSIONS,
    address_of,
    build_digest,
    database_name,
    digest_of,
)
from benchmarks.simulated_fleet.recorded import build_row, contract_of
from benchmarks.simulated_fleet.stage import Stage
from benchmarks.simulated_fleet.world import report_of
from davylamp.judge.sample import Role
from davylamp.ledger.instance import UNKNOWN_DIGEST, Instance, InstanceState
from davylamp.ledger.models import BuildRow, InstanceRow, ReleaseRow, ReleaseState

Expected = tuple[str, str, str]
"""Code, service, instance; '' where there is none."""
Plant = Callable[[Stage, str], list[Expected]]


_OTHERS = 1_000
"""More than any fault takes away: addresses from there on are nobody's."""


@dataclass(frozen=True)
class Fault:
    """Plants itself at a service, and says what is to be found."""

    name: str
    plant: Plant
    needs_database: bool = False
    """Only services that have one can have it."""


def _first(stage: Stage, service: str) -> Instance:
    return stage.world.copies_of(service)[0]


def _runs(code: str, digest: Callable[[str], str], *, tells: bool = True) -> Plant:
    """The first copy runs another build; it says so itself, if it `tells` at all."""

    def plant(stage: Stage, service: str) -> list[Expected]:
        copy, world = _first(stage, service), stage.world
        world.replace(copy, replace(copy, digest=digest(service)))
        if tells:
            world.reports[copy.address] = world.reports[copy.address] | {"digest": digest(service)}
        else:
            world.reports.pop(copy.address)
        return [(code, service, copy.id)]

    return plant


def _says(code: str, **said: Any) -> Plant:
    """The first copy says something else of itself than all others."""

    def plant(stage: Stage, service: str) -> list[Expected]:
        copy, reports = _first(stage, service), stage.world.reports
        reports[copy.address] = reports[copy.address] | said
        return [(code, service, copy.id)]

    return plant


def _known_bad(stage: Stage, service: str) -> list[Expected]:
    row = build_row(stage.world, service, "bad", known_bad_reason="it was taken back before")
    with stage.ledger.begin() as db:
        db.execute(insert(BuildRow).values(row))
    return _runs("known_bad_build", lambda s: build_digest(s, "bad"))(stage, service)


def _leftover(stage: Stage, service: str) -> list[Expected]:
    """A release ended, and its copies stayed; or nobody knows any more where one came from."""
    world = stage.world
    if service not in world.releases:
        left = replace(
            _first(stage, service),
            id=f"{service}-x",
            digest=build_digest(service, "next"),
            role=Role.CANDIDATE,
            address=address_of(len(world.copies) + _OTHERS, world.port),
        )
        world.copies.append(left)
        world.reports[left.address] = report_of(left)
        return [("leftover_release", service, left.id)]
    ended = {"ended_at": func.clock_timestamp(), "state": ReleaseState.ROLLED_BACK}
    with stage.ledger.begin() as db:
        db.execute(update(ReleaseRow).where(ReleaseRow.service == service).values(ended))
    mine = [c for c in world.copies if c.service == service and c.role is not Role.STABLE]
    return [("leftover_release", service, c.id) for c in mine]


def _reads_retired(stage: Stage, service: str) -> list[Expected]:
    contract = contract_of(stage.world, service, "power-peg").model_dump(mode="json")
    stable = (BuildRow.service == service) & (BuildRow.digest == build_digest(service, "stable"))
    with stage.ledger.begin() as db:
        db.execute(update(BuildRow).where(stable).values(contract=contract))
    return [("retired_flag_read", service, "")]


def _reused(stage: Stage, service: str) -> list[Expected]:
    for names in (stage.world.flags["active"], stage.world.flags["retired"]):
        names.append(f"{service}-flag")
    return [("flag_reused", "", "")]


def _outside(stage: Stage, service: str) -> list[Expected]:
    name, url = database_name(service), stage.server_url
    set_present(url, name, "r4")
    stage.world.undo.append(lambda: set_present(url, name))
    return [("schema_outside_contract", service, "")]


def _overdue(stage: Stage, service: str) -> list[Expected]:
    name, url = database_name(service), stage.server_url
    set_migrated(url, name, days_ago=8)
    stage.world.undo.append(lambda: set_migrated(url, name))
    return [("overdue_contract", service, "")]


def _other_share(stage: Stage, service: str) -> list[Expected]:
    stage.world.shares[service] = 0.5
    return [("route_drift", service, "")]


def _lost_endpoint(stage: Stage, service: str) -> list[Expected]:
    stage.world.endpoints[service].pop()
    return [("route_drift", service, "")]


def _unreachable(stage: Stage, service: str) -> list[Expected]:
    copy = _first(stage, service)
    stage.world.replace(copy, replace(copy, state=InstanceState.UNREACHABLE))
    _seen_before(stage, timedelta(minutes=2), InstanceRow.id == copy.id)
    return [("unreachable_instance", service, copy.id)]


def _missing(stage: Stage, service: str) -> list[Expected]:
    stage.world.copies.remove(_first(stage, service))
    return [("missing_instances", service, "")]


def _duplicate(stage: Stage, service: str) -> list[Expected]:
    copy = _first(stage, service)
    stage.world.copies.append(copy)
    return [("duplicate_instance", service, copy.id)]


def _deleted(stage: Stage, service: str) -> list[Expected]:
    """The catalog loses the service; its copies run on."""
    catalog = stage.world.catalog
    left = {name: one for name, one in catalog.services.items() if name != service}
    stage.world.catalog = catalog.model_copy(update={"services": left})
    mine = [c for c in stage.world.copies if c.service == service]
    return [("unknown_service", service, c.id) for c in mine]


def _unseen_client(stage: Stage, service: str) -> list[Expected]:
    """A copy that no platform lists is still connected to the database."""
    name = f"{service}@{VERSIONS['old']}"
    session = connect_as(stage.server_url, database_name(service), name)
    stage.world.undo.append(session.close)
    return [("witness_disagrees", service, "")]


def _clock_is_off(stage: Stage, service: str) -> list[Expected]:
    """A machine's clock is minutes ahead: that is no finding."""
    copy = _first(stage, service)
    ahead = datetime.now(UTC) + timedelta(minutes=5)
    stage.world.replace(copy, replace(copy, started_at=ahead))
    return []


def _seen_before(stage: Stage, ago: timedelta, *which: Any) -> None:
    with stage.ledger.begin() as db:
        seen = func.clock_timestamp() - ago
        db.execute(update(InstanceRow).where(*which).values(observed_at=seen))


FAULTS = (
    Fault("stale instance", _runs("stale_instance", lambda s: build_digest(s, "old"))),
    Fault("deployed by hand", _runs("unknown_build", lambda s: digest_of(f"{s} by hand"))),
    Fault("malformed digest", _runs("unknown_build", lambda s: "sha256:latest")),
    Fault("hidden digest", _runs("unknown_build", lambda s: UNKNOWN_DIGEST, tells=False)),
    Fault("leftover release", _leftover),
    Fault("retired flag read", _reads_retired),
    Fault("flag reused", _reused),
    Fault("schema outside contract", _outside, needs_database=True),
    Fault("overdue contract", _overdue, needs_database=True),
    Fault("another share in force", _other_share),
    Fault("endpoint lost", _lost_endpoint),
    Fault("unreachable instance", _unreachable),
    Fault("missing instance", _missing),
    Fault("stale flags", _says("stale_flag_set", flags_revision=6)),
    Fault("known bad build", _known_bad),
    Fault("deleted from the catalog", _deleted),
    Fault("duplicate id", _duplicate),
    Fault("lying witness", _says("witness_disagrees", digest=digest_of("a lie"))),
    Fault("unseen client", _unseen_client, needs_database=True),
    Fault("clock minutes ahead", _clock_is_off),
)
"""At least one for every code of the audit."""


def lose_half(stage: Stage) -> list[Expected]:
    """Every second copy is missing from what the platform lists."""
    world = stage.world
    kept = {c.id for s in world.names for c in world.copies_of(s)[::2]}
    world.copies = [c for c in world.copies if c.id in kept or c.role is not Role.STABLE]
    return [("missing_instances", service, "") for service in world.names]


def lose_services(stage: Stage, services: int) -> list[Expected]:
    """The platform answers for the first so many services alone."""
    world = stage.world
    lost = world.names[services:]
    world.copies = [c for c in world.copies if c.service not in set(lost)]
    return [("missing_instances", service, "") for service in lost]


def silence_platform(stage: Stage) -> list[Expected]:
    """The platform says nothing, and the ledger has heard nothing new for two minutes."""
    stage.world.is_platform_silent = True
    _seen_before(stage, timedelta(minutes=2))
    return [("unreachable_instance", c.service, c.id) for c in stage.world.recorded]
