"""Which contract revisions are next, who still needs what they take, and which may run now."""

from __future__ import annotations

from dataclasses import dataclass

from davylamp.catalog.databases import Database, for_everybody
from davylamp.errors import DavylampError
from davylamp.ledger import schema
from davylamp.ledger.schema import KnownRevision
from davylamp.rollout.databases import look_at
from davylamp.rollout.may_contract import may_contract
from davylamp.rollout.parts import Parts
from davylamp.schema.contract_gate import GateAnswer
from davylamp.schema.facts import SchemaFacts
from davylamp.schema.phases import Phase


@dataclass(frozen=True)
class ContractOutlook:
    """A contract revision whose turn it is, and what the gate says of it."""

    service: str
    """Whose build brought it."""
    database: str
    revision: str
    answer: GateAnswer | None
    """None when something did not answer: `reason` says what."""
    reason: str

    @property
    def is_ready(self) -> bool:
        return self.answer is not None and self.answer.allowed


def contract_outlooks(parts: Parts, database: str = "") -> list[ContractOutlook]:
    """One for each database that has a contract revision next (or only of one `database`)."""
    found: list[ContractOutlook] = []
    for name, entry in databases_of_catalog(parts).items():
        if database in ("", name) and (one := _outlook(parts, name, entry)) is not None:
            found.append(one)
    return found


def databases_of_catalog(parts: Parts) -> dict[str, Database]:
    """Each database as all services that use it describe it together."""
    entries: dict[str, list[Database]] = {}
    for service in parts.catalog.services.values():
        for name, entry in service.databases.items():
            entries.setdefault(name, []).append(entry)
    return {name: for_everybody(of) for name, of in entries.items()}


def _outlook(parts: Parts, name: str, entry: Database) -> ContractOutlook | None:
    with parts.ledger.begin() as db:
        known = {one.revision: one for one in schema.revisions_of(db, name)}
    if not any(one.phase == Phase.CONTRACT for one in known.values()):
        return None
    try:
        facts = look_at(parts.settings, parts.ledger, {name: entry})[name]
        following = next_revision(facts)
        if not following or known[following].phase != Phase.CONTRACT:
            return None
        answer = may_contract(parts, name, entry, following)
    except DavylampError as error:
        return ContractOutlook(_owner(known, ""), name, "", None, str(error))
    return ContractOutlook(_owner(known, following), name, following, answer, answer.reason)


def next_revision(facts: SchemaFacts) -> str:
    """The revision after the present one; empty at the end of what is known."""
    order = facts.lineage.order
    if not facts.present:
        return order[0] if order else ""
    place = order.index(facts.present) + 1 if facts.present in order else len(order)
    return order[place] if place < len(order) else ""


def _owner(known: dict[str, KnownRevision], revision: str) -> str:
    """The service that brought a revision; of several the newest one's."""
    one = known.get(revision) or next(reversed(known.values()))
    return one.brought_by.partition(" ")[0]
