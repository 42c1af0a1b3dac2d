"""The contract gate: may a database lose what a contract revision takes? Pure.

Yes only when nobody who is alive, is being released or would be gone back to needs it, by the
contracts of the builds that were observed, and by the names PostgreSQL's clients give themselves.
Whoever isn't known, or can't be reached, needs everything.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

from davylamp.builds.contract import Contract
from davylamp.ledger.instance import Instance, InstanceState
from davylamp.schema.drops import in_words
from davylamp.schema.lineage import Lineage
from davylamp.schema.needs import Needs, needs_of
from davylamp.schema.witness import Client, is_own, name_of_build

if TYPE_CHECKING:
    from davylamp.schema.shape_changes import Dropped


@dataclass(frozen=True, order=True)
class BuildName:
    """A build, as people and the ledger name it."""

    service: str
    version: str
    digest: str

    def __str__(self) -> str:
        return f"{self.service} {self.version} ({self.digest[:19]})"


@dataclass(frozen=True)
class KnownBuild:
    """A build the ledger has a row of; `contract` is None when it can't be read."""

    name: BuildName
    contract: Contract | None


@dataclass(frozen=True)
class Wanted:
    """A build that need not run now and must be able to: a service's stable build, a release's
    candidate, the build that release would go back to. No digest: it isn't verified yet."""

    service: str
    digest: str
    why: str


@dataclass(frozen=True)
class Fleet:
    """Who is there, and who may come back."""

    instances: Sequence[Instance] = ()
    builds: Sequence[KnownBuild] = ()
    wanted: Sequence[Wanted] = ()
    clients: Sequence[Client] = ()
    """Those connected to the database, by `witness.clients_of`."""
    allowlist: frozenset[str] = frozenset()
    """Names of clients that are no build and need nothing."""

    @cached_property
    def by_digest(self) -> Mapping[tuple[str, str], KnownBuild]:
        return {(b.name.service, b.name.digest): b for b in self.builds}

    @cached_property
    def by_client_name(self) -> Mapping[str, Sequence[KnownBuild]]:
        found: dict[str, list[KnownBuild]] = {}
        for build in self.builds:
            name = name_of_build(build.name.service, build.name.version)
            found.setdefault(name, []).append(build)
        return found


@dataclass(frozen=True)
class ContractChange:
    """One contract revision, and what it takes."""

    database: str
    revision: str
    drops: Sequence[Dropped]
    lineage: Lineage = field(default_factory=Lineage)
    schema: str = "public"
    approved: bool = True
    """By policy, or by somebody."""


@dataclass(frozen=True)
class Blocker:
    """Somebody who still needs what is to be dropped."""

    kind: str
    """`instance`, `client`, `release`, `approval` or `drops`."""
    who: str
    build: str
    why: str

    def __str__(self) -> str:
        runs = f" runs {self.build}:" if self.kind == "instance" else ":"
        return f"{self.who}{runs} {self.why}"


@dataclass(frozen=True)
class GateAnswer:
    """May it be dropped? With everyone who is against it, and what it would cost."""

    allowed: bool
    reason: str
    blockers: tuple[Blocker, ...] = ()
    no_return: tuple[BuildName, ...] = ()
    """Builds that can never be rolled back to once it is done."""


def gate_contract(change: ContractChange, fleet: Fleet) -> GateAnswer:
    """Say whether a contract revision may run, who is against it, and which builds it ends."""
    drops = tuple(change.drops)

    def why(build: KnownBuild | None) -> str:
        return _why(_needs(change, build), drops)

    blockers: list[Blocker] = [
        *_unclear(drops),
        *_instances(fleet, why),
        *_wanted(fleet, why),
        *_clients(fleet, why),
        *_approval(change),
    ]
    lost = tuple(sorted({b.name for b in fleet.builds if why(b)}))
    what = ", ".join(map(in_words, drops)) or "nothing"
    if blockers:
        more = f" (and {len(blockers) - 1} more)" if len(blockers) > 1 else ""
        return GateAnswer(
            False,
            f"revision {change.revision} of {change.database} drops {what}, and "
            f"{blockers[0]}{more}",
            tuple(blockers),
            lost,
        )
    seen = f"{len(fleet.instances)} instances and {len(fleet.clients)} clients"
    return GateAnswer(
        True, f"none of {seen} needs {what} of {change.database} any more", no_return=lost
    )


def _needs(change: ContractChange, build: KnownBuild | None) -> Needs:
    contract = build.contract if build else None
    return needs_of(contract, change.database, change.revision, change.lineage, change.schema)


def _why(needs: Needs, drops: Sequence[Dropped]) -> str:
    return next((found for drop in drops if (found := needs.why(drop))), "")


def _unclear(drops: Sequence[Dropped]) -> Iterator[Blocker]:
    if not drops:
        why = "nobody can say who needs what it takes"
        yield Blocker("drops", "what it drops is not known", "", why)


def _instances(fleet: Fleet, why: Callable[[KnownBuild | None], str]) -> Iterator[Blocker]:
    for copy in sorted(fleet.instances, key=lambda i: (i.service, i.id)):
        if copy.state is InstanceState.STOPPED:
            continue
        build = fleet.by_digest.get((copy.service, copy.digest))
        named = str(build.name) if build else f"{copy.service} {copy.digest[:19]}"
        if copy.state is InstanceState.UNREACHABLE:
            reason = f"it can't be reached ({copy.reason or 'no answer'}) and may need everything"
            yield Blocker("instance", copy.id, named, reason)
        elif found := why(build):
            yield Blocker("instance", copy.id, named, found)


def _wanted(fleet: Fleet, why: Callable[[KnownBuild | None], str]) -> Iterator[Blocker]:
    for one in fleet.wanted:
        build = fleet.by_digest.get((one.service, one.digest))
        named = str(build.name) if build else f"{one.service} {one.digest[:19] or '(not verified)'}"
        if found := why(build):
            yield Blocker("release", named, named, f"{one.why}, and {found}")


def _clients(fleet: Fleet, why: Callable[[KnownBuild | None], str]) -> Iterator[Blocker]:
    for client in sorted(fleet.clients):
        if client.name in fleet.allowlist or is_own(client.name):
            continue
        builds = fleet.by_client_name.get(client.name, ())
        if not builds:
            yield Blocker(
                "client",
                str(client),
                "",
                "no build is known by that name: it may need "
                "everything; end it, or let it call itself service@version",
            )
        for build in builds:
            if found := why(build):
                yield Blocker("client", str(client), str(build.name), found)


def _approval(change: ContractChange) -> Iterator[Blocker]:
    if not change.approved:
        say = f"davylamp schema approve {change.database} {change.revision} --why …"
        yield Blocker("approval", "nobody has approved it", "", f"`{say}` does")
