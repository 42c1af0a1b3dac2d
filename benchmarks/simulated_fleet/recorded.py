"""The ledger of a simulated fleet: what it would hold, had all of it been released."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Connection, delete, insert, select

from benchmarks.simulated_fleet.databases import known_revisions
from benchmarks.simulated_fleet.names import VERSIONS, build_digest, database_name
from benchmarks.simulated_fleet.world import CANDIDATE_SHARE, World
from davylamp.builds.contract import Contract, DatabaseContract
from davylamp.judge.sample import Role
from davylamp.ledger.models import (
    BuildRow,
    InstanceRow,
    ReleaseRow,
    ReleaseState,
    RevisionRow,
    RouteRow,
    ServiceRow,
)
from davylamp.ledger.schema import note_revisions
from davylamp.ledger.session import Ledger

_ALL = (InstanceRow, RouteRow, BuildRow, ServiceRow, RevisionRow, ReleaseRow)


def write_down(ledger: Ledger, world: World) -> None:
    """Replace the ledger's fleet by the world's, and give the world its releases' numbers."""
    with ledger.begin() as db:
        for table in _ALL:
            db.execute(delete(table))
        db.execute(insert(ServiceRow), [_service(name) for name in world.names])
        db.execute(insert(BuildRow), [b for name in world.names for b in _builds(world, name)])
        world.releases = _open_releases(db, world)
        _number(world)
        db.execute(insert(InstanceRow), [_instance(one) for one in world.recorded])
        db.execute(insert(RouteRow), [_route(world, name) for name in world.names])
        note_revisions(db, [one for name in world.names for one in known_revisions(world, name)])


def contract_of(world: World, service: str, *flags: str) -> Contract:
    """Of every build: it reads flags, and works with revisions r1 and r2 (and so with r3)."""
    databases = {}
    if world.catalog.services[service].databases:
        span = DatabaseContract(oldest_revision="r1", newest_revision="r2")
        databases = {database_name(service): span}
    return Contract(flags=flags or ("dark-mode",), databases=databases)


def build_row(world: World, service: str, part: str, **changed: Any) -> dict[str, Any]:
    return {
        "service": service,
        "digest": build_digest(service, part),
        "repository": f"shop/{service}",
        "version": VERSIONS[part],
        "contract": contract_of(world, service).model_dump(mode="json"),
    } | changed


def _builds(world: World, service: str) -> Iterable[dict[str, Any]]:
    return (build_row(world, service, part) for part in ("old", "stable", "next"))


def _service(name: str) -> dict[str, Any]:
    return {
        "name": name,
        "stable_digest": build_digest(name, "stable"),
        "stable_version": VERSIONS["stable"],
        "stable_image": f"shop/{name}@{build_digest(name, 'stable')}",
        "stable_since": datetime.now(UTC) - timedelta(days=2),
    }


def _open_releases(db: Connection, world: World) -> dict[str, int]:
    rows = [_release(name) for name in world.shares]
    if rows:
        db.execute(insert(ReleaseRow), rows)
    found = db.execute(select(ReleaseRow.service, ReleaseRow.id))
    return {row.service: row.id for row in found}


def _release(name: str) -> dict[str, Any]:
    return {
        "service": name,
        "image": VERSIONS["next"],
        "digest": build_digest(name, "next"),
        "version": VERSIONS["next"],
        "stable_digest": build_digest(name, "stable"),
        "state": ReleaseState.STEPPING,
        "plan": {},
        "entry": {},
        "seed": 1,
        "requested_by": "simulation",
    }


def _number(world: World) -> None:
    """Give the copies of releases their numbers."""

    def numbered(copies: list[Any]) -> list[Any]:
        return [
            one if one.role is Role.STABLE else replace(one, release_id=world.releases[one.service])
            for one in copies
        ]

    world.copies, world.recorded = numbered(world.copies), numbered(world.recorded)


def _instance(one: Any) -> dict[str, Any]:
    kept = ("id", "service", "digest", "role", "release_id", "state", "address", "started_at")
    return {name: getattr(one, name) for name in kept}


def _route(world: World, name: str) -> dict[str, Any]:
    release = world.releases.get(name)
    share = CANDIDATE_SHARE if release else 0.0
    return {
        "service": name,
        "release_id": release,
        "candidate_share": share,
        "baseline_share": share,
        "lease_expires_at": datetime.now(UTC) + timedelta(days=1) if release else None,
        "confirmed_generation": 1,
    }
