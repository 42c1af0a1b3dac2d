"""Where databases are, and which of their revisions a contract really allows."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise

from davylamp.audit.gather.at_once import ask_all
from davylamp.audit.gather.clients import Clients
from davylamp.audit.inventory import BuildContract, Database, Span
from davylamp.builds.contract import Contract
from davylamp.catalog.databases import Database as Entry
from davylamp.rollout.databases import look_at, target_of
from davylamp.rollout.parts import Parts
from davylamp.schema.facts import SchemaFacts
from davylamp.schema.phases import Phase
from davylamp.schema.state import SchemaState, state_of

Looks = Mapping[str, tuple[SchemaFacts, SchemaState]]


def look_at_all(parts: Parts) -> Looks:
    """Each database of the catalog once, several at a time. One that doesn't answer, or isn't
    reached in time, is left out: the audit then says that it wasn't seen."""

    def look(name: str, entry: Entry) -> tuple[SchemaFacts, SchemaState]:
        facts = look_at(parts.settings, parts.ledger, {name: entry})[name]
        return facts, state_of(target_of(parts.settings, name, entry))

    return ask_all(databases_named(parts), look)


def databases_named(parts: Parts) -> dict[str, Entry]:
    """All that the catalog names."""
    found: dict[str, Entry] = {}
    for service in parts.catalog.services.values():
        for name, entry in service.databases.items():
            found.setdefault(name, entry)
    return found


def databases_of(looks: Looks, clients: Clients) -> tuple[Database, ...]:
    return tuple(
        Database(
            name=name,
            revision=facts.present or None,
            lineage=facts.lineage.order,
            migrated_at=_migrated_at(facts, state),
            clients=clients.get(name, ()),
        )
        for name, (facts, state) in looks.items()
    )


def _migrated_at(facts: SchemaFacts, state: SchemaState) -> float | None:
    """When the last migrate revision ended, unless rows are left or a contract has followed."""
    done = [one for one in state.revisions if one.ended_at and one.done == one.statements]
    migrated = [one.ended_at for one in done if one.phase is Phase.MIGRATE and one.ended_at]
    contracted = [one.ended_at for one in done if one.phase is Phase.CONTRACT and one.ended_at]
    if not migrated or facts.backfills:
        return None
    last = max(migrated)
    return None if contracted and max(contracted) >= last else last.timestamp()


def contract_of(contract: Contract | None, looks: Looks) -> BuildContract | None:
    """None for a build without a contract that can be read: nothing is known of it."""
    if contract is None:
        return None
    spans = {
        name: Span(
            min_revision=one.oldest_revision or None,
            max_revision=_reach(one.newest_revision, looks[name][0])
            if name in looks
            else one.newest_revision or None,
        )
        for name, one in contract.databases.items()
    }
    return BuildContract(flags=contract.flags, databases=spans)


def _reach(newest: str, facts: SchemaFacts) -> str | None:
    """Up to where a build works: expand and migrate revisions never break one, so it is the last
    before the next contract revision. None: however far."""
    order = facts.lineage.order
    if not newest or newest not in order:
        return newest or None
    place = order.index(newest)
    for before, revision in pairwise(order[place:]):
        if facts.phases.get(revision) is Phase.CONTRACT:
            return before
    return None
