"""Reachability, gathered: what the ledger and the databases say of a service's past builds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from sqlalchemy import Connection

from davylamp.builds.contract import Contract
from davylamp.catalog.databases import Database
from davylamp.errors import DavylampError
from davylamp.ledger import contracts, inventory
from davylamp.ledger.session import Ledger
from davylamp.rollout.databases import look_at
from davylamp.rollout.past import past_build, past_builds
from davylamp.rollout.reachability import Lost, Reach, reachable_builds
from davylamp.schema.facts import SchemaFacts
from davylamp.settings import Settings


@dataclass
class Looks:
    """Each database is looked at once, whoever asks; one that doesn't answer is asked no more."""

    settings: Settings
    ledger: Ledger
    seen: dict[str, SchemaFacts] = field(default_factory=dict[str, SchemaFacts])
    unseen: dict[str, str] = field(default_factory=dict[str, str])

    def at(self, databases: Mapping[str, Database]) -> dict[str, SchemaFacts]:
        for name, entry in databases.items():
            if name in self.seen or name in self.unseen:
                continue
            try:
                self.seen |= look_at(self.settings, self.ledger, {name: entry})
            except DavylampError as error:
                self.unseen[name] = str(error)
        return {name: self.seen[name] for name in databases if name in self.seen}


def way_back(
    looks: Looks,
    service: str,
    databases: Mapping[str, Database],
    after: tuple[str, Contract] | None = None,
) -> tuple[Reach, ...]:
    """Where a service can go back to from the build users have; or, before a release, from the
    candidate `after` (its digest and contract)."""
    with looks.ledger.begin() as db:
        stable = inventory.live_service(db, service).stable_digest or ""
        digest, contract = after or (stable, _contract(db, service, stable))
        past = past_builds(db, service, digest)
        lost = lost_builds(db)
    if not past:
        return ()
    facts = looks.at(databases)
    unseen = {name: why for name, why in looks.unseen.items() if name in databases}
    return reachable_builds(contract, past, facts, lost, unseen)


def lost_builds(db: Connection) -> list[Lost]:
    return [
        Lost(point.database, point.revision, frozenset(b["digest"] for b in point.builds))
        for point in contracts.points_of_no_return(db)
    ]


def _contract(db: Connection, service: str, digest: str) -> Contract | None:
    found = past_build(db, service, digest)
    return found.contract if found else None
