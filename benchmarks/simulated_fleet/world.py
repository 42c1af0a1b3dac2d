"""World: a healthy fleet as platform, copies and Envoy tell of it; faults change what they tell."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from benchmarks.simulated_fleet.names import (
    address_of,
    build_digest,
    database_name,
    service_name,
)
from davylamp.catalog.model import Catalog
from davylamp.judge.sample import Role
from davylamp.ledger.instance import Instance, InstanceState

RELEASING_EVERY = 5
"""Every so many services one is being released."""
CANDIDATE_SHARE = 0.05
FLAGS_REVISION = 7


@dataclass(frozen=True)
class Size:
    """How large a fleet is."""

    services: int
    replicas: int = 20
    databases: int = 8
    """The first so many services have one each."""


@dataclass
class World:
    """What everybody says. Ids of releases are those of the ledger."""

    size: Size
    port: int
    """Where copies and Envoy answer, each at an address of its own."""
    catalog: Catalog
    copies: list[Instance]
    """As the platform lists them."""
    recorded: list[Instance]
    """As the ledger had them when all was well."""
    reports: dict[str, dict[str, Any]]
    """What a copy says of itself, by address."""
    shares: dict[str, float]
    """Service → candidate's share, as Envoy has it in force."""
    endpoints: dict[str, list[str]]
    """Service → stable endpoints, as Envoy has them."""
    flags: dict[str, Any]
    releases: dict[str, int] = field(default_factory=dict[str, int])
    """Service → its active release, once the ledger has numbered it."""
    is_platform_silent: bool = False
    undo: list[Callable[[], None]] = field(default_factory=list[Callable[[], None]])
    """What to do before the next world takes the place of this one."""

    @property
    def names(self) -> list[str]:
        return list(self.catalog.services)

    def copies_of(self, service: str) -> list[Instance]:
        """Stable ones, as the platform lists them."""
        return [c for c in self.copies if c.service == service and c.role is Role.STABLE]

    def replace(self, old: Instance, new: Instance) -> None:
        self.copies[self.copies.index(old)] = new


def healthy_world(size: Size, port: int) -> World:
    """Each service runs its stable build; every fifth is being released."""
    names = [service_name(n) for n in range(size.services)]
    copies = _all_copies(size, names, port)
    stable = [c for c in copies if c.role is Role.STABLE]
    endpoints: dict[str, list[str]] = {}
    for copy in stable:
        endpoints.setdefault(copy.service, []).append(copy.address)
    now = datetime.now(UTC)
    return World(
        size=size,
        port=port,
        catalog=Catalog.model_validate({"services": {n: _entry(size, n, names) for n in names}}),
        copies=copies,
        recorded=list(copies),
        reports={c.address: report_of(c) for c in copies},
        shares=dict.fromkeys(names[::RELEASING_EVERY], CANDIDATE_SHARE),
        endpoints=endpoints,
        flags={
            "revision": FLAGS_REVISION,
            "published_at": (now - timedelta(hours=1)).isoformat(),
            "active": ["dark-mode", "fast-path"],
            "retired": ["power-peg"],
        },
    )


def _entry(size: Size, name: str, names: list[str]) -> dict[str, Any]:
    has_one = names.index(name) < size.databases
    return {
        "name": name,
        "owner": "simulation",
        "image": {"repository": f"shop/{name}"},
        "route": {"hosts": [f"{name}.localhost"]},
        "instances": size.replicas,
        "databases": {database_name(name): {}} if has_one else {},
    }


def _all_copies(size: Size, names: list[str], port: int) -> list[Instance]:
    found: list[Instance] = []
    for number, name in enumerate(names):
        told = [(Role.STABLE, n, "stable") for n in range(size.replicas)]
        if number % RELEASING_EVERY == 0:
            told += [(Role.CANDIDATE, 0, "next"), (Role.BASELINE, 0, "stable")]
        for role, n, part in told:
            found.append(_copy(name, role, n, part, address_of(len(found), port)))
    return found


def _copy(service: str, role: Role, number: int, part: str, address: str) -> Instance:
    return Instance(
        id=f"{service}-{role.value}-{number}",
        service=service,
        digest=build_digest(service, part),
        role=role,
        release_id=0,
        state=InstanceState.READY,
        address=address,
        started_at=datetime.now(UTC) - timedelta(days=1),
    )


def report_of(copy: Instance) -> dict[str, Any]:
    return {"digest": copy.digest, "flags_revision": FLAGS_REVISION}
