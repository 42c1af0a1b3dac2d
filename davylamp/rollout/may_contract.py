"""The contract gate, with what it has to know: the fleet as observed, the ledger, the database."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from sqlalchemy import Connection

from davylamp.catalog.databases import Database
from davylamp.errors import Refused
from davylamp.ledger import builds, contracts, inventory, releases, schema
from davylamp.ledger.instance import Instance
from davylamp.ledger.schema import KnownRevision
from davylamp.ledger.session import Ledger
from davylamp.rollout.databases import target_of
from davylamp.rollout.entry import databases_of
from davylamp.rollout.parts import Parts
from davylamp.rollout.past import contract_from
from davylamp.schema.contract_gate import (
    BuildName,
    ContractChange,
    Fleet,
    GateAnswer,
    KnownBuild,
    Wanted,
    gate_contract,
)
from davylamp.schema.drops import drop_from
from davylamp.schema.lineage import lineage_of
from davylamp.schema.witness import Client, clients_of


def may_contract(parts: Parts, name: str, entry: Database, revision: str) -> GateAnswer:
    """Whether a database may lose what a contract revision takes, by everything there is to ask.

    `entry` is the database as all services that use it describe it (`for_everybody`). Raises
    `Unreachable` when platform, ledger or database do not answer: then nothing is dropped.
    """
    seen = parts.platform.instances()
    clients = clients_of(target_of(parts.settings, name, entry))
    with parts.ledger.begin() as db:
        change = change_of(db, name, entry, revision)
        fleet = fleet_of(db, name, seen, clients, entry.witness_allowlist)
    return gate_contract(change, fleet)


def change_of(db: Connection, name: str, entry: Database, revision: str) -> ContractChange:
    """A contract revision as the ledger knows it. Raises `Refused` for one it doesn't."""
    known = schema.revisions_of(db, name)
    found = next((one for one in known if one.revision == revision), None)
    if found is None:
        raise Refused(f"no build has brought a revision {revision} of {name}: release it first")
    return ContractChange(
        name,
        revision,
        tuple(map(drop_from, found.drops)),
        lineage_of((one.revision, one.down_revision) for one in known),
        entry.schema_name,
        approved=is_approved(db, name, entry, found),
    )


def is_approved(db: Connection, name: str, entry: Database, revision: KnownRevision) -> bool:
    """By the database's policy, or by somebody."""
    if entry.contract_approval == "automatic":
        return True
    return contracts.approval_of(db, name, revision.revision) is not None


def fleet_of(
    db: Connection,
    database: str,
    seen: Sequence[Instance],
    clients: Sequence[Client],
    allowlist: Sequence[str],
) -> Fleet:
    """Who runs, and who may come back. A copy the platform doesn't show and the ledger hasn't
    seen stopped counts too: it may just have been ordered."""
    shown = {copy.id for copy in seen}
    written = [copy for copy in inventory.instances_of(db) if copy.id not in shown]
    known = [
        KnownBuild(BuildName(one.service, one.version, one.digest), contract_from(one.contract))
        for one in builds.all_builds(db)
    ]
    users = {
        one.name.service
        for one in known
        if one.contract is None or database in one.contract.databases
    }
    wanted = _wanted(db, database, users)
    return Fleet([*seen, *written], known, wanted, clients, frozenset(allowlist))


def note_point_of_no_return(
    ledger: Ledger, name: str, revision: str, answer: GateAnswer, by: str
) -> None:
    """Write down, before the drop, that it is about to happen and which builds it ends. Raises
    `Refused` when the gate said no."""
    if not answer.allowed:
        raise Refused(answer.reason)
    ended = [
        {"service": one.service, "version": one.version, "digest": one.digest}
        for one in answer.no_return
    ]
    with ledger.begin() as db:
        contracts.note_no_return(db, name, revision, ended, by)
        message = f"{answer.reason}; {len(ended)} builds can never be rolled back to"
        schema.append_schema_event(
            db, name, "no_return", message, by=by, revision=revision, data={"builds": ended}
        )


def _wanted(db: Connection, database: str, users: Collection[str]) -> list[Wanted]:
    found = [
        Wanted(live.name, live.stable_digest, "it is the stable build")
        for live in inventory.live_services(db).values()
        if live.stable_digest
    ]
    for release in releases.active_releases(db):
        # what a release brings isn't known before it is verified; then the guard looks at drops
        if release.digest or release.service in users or database in databases_of(release):
            why = f"release {release.id} is about to bring it"
            found.append(Wanted(release.service, release.digest or "", why))
        if release.stable_digest:
            why = f"release {release.id} would go back to it"
            found.append(Wanted(release.service, release.stable_digest, why))
    return found
