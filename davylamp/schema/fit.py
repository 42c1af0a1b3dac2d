"""Does a build fit a database as it is now? Pure.

Expand and migrate revisions never break a build, so a build that is older than the database is
fine until a contract revision took, or is about to take, what it needs.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from davylamp.builds.contract import Contract, DatabaseContract
from davylamp.schema.drops import in_words, takes
from davylamp.schema.facts import Backfill, Column, SchemaFacts, column_of
from davylamp.schema.needs import needs_of
from davylamp.schema.phases import Phase


@dataclass(frozen=True)
class Misfit:
    """One way in which a build doesn't fit a database."""

    database: str
    why: str
    can_come: bool = False
    """The release's own expand and migrate revisions, which run after the guard, may cure it."""

    def __str__(self) -> str:
        return self.why


def misfits(contract: Contract, facts: Mapping[str, SchemaFacts]) -> list[Misfit]:
    """Everything that keeps a build from working with the databases its contract names."""
    found: list[Misfit] = []
    for name, wanted in sorted(contract.databases.items()):
        if name in facts:
            found += _misfits(contract, name, wanted, facts[name])
        else:
            why = f"its contract names the database {name}, which the catalog entry of its "
            found.append(Misfit(name, why + "service doesn't: add it under `databases`"))
    return found


def _misfits(
    contract: Contract, name: str, wanted: DatabaseContract, facts: SchemaFacts
) -> Iterator[Misfit]:
    yield from _too_early(name, wanted, facts)
    yield from _too_late(contract, name, wanted, facts)
    read = {column_of(c, facts.schema) for c in wanted.reads}
    written = {column_of(c, facts.schema) for c in wanted.writes}
    for column in sorted(read | written):
        verb = "reads" if column in read else "writes"
        yield from _about_column(column, verb, facts)
        if column in read:
            yield from (_unfilled(b, facts) for b in facts.backfills if b.column == column)


def _too_early(name: str, wanted: DatabaseContract, facts: SchemaFacts) -> Iterator[Misfit]:
    oldest = wanted.oldest_revision
    at = facts.present or "its beginning"
    has = facts.lineage.at_least(facts.present, oldest)
    if has is False:
        missing = (
            ", ".join(facts.lineage.between(facts.present, oldest))
            if (
                facts.lineage.knows(oldest)
                and (not facts.present or facts.lineage.knows(facts.present))
            )
            else oldest
        )
        why = f"it needs revision {oldest} of {name}, which is at {at}: run {missing} first"
        yield Misfit(name, why, can_come=not _is_contract_between(facts, oldest))
    elif has is None:
        why = f"it needs revision {oldest} of {name}, which is at {at}, and no build's history "
        yield Misfit(name, why + "says which comes first", can_come=True)


def _is_contract_between(facts: SchemaFacts, wanted: str) -> bool:
    lineage = facts.lineage
    if not lineage.knows(wanted) or (facts.present and not lineage.knows(facts.present)):
        return False
    steps = lineage.between(facts.present, wanted)
    return any(facts.phases.get(step) is Phase.CONTRACT for step in steps)


def _too_late(
    contract: Contract, name: str, wanted: DatabaseContract, facts: SchemaFacts
) -> Iterator[Misfit]:
    """A contract revision has run since, and took what it needs.

    A contract that names no newest revision is taken at its word about columns: which of the
    builds of that time are lost was written down at the point of no return.
    """
    for revision in facts.applied:
        if facts.phases.get(revision) is not Phase.CONTRACT:
            continue
        needs = needs_of(contract, name, revision, facts.lineage, facts.schema)
        for drop in facts.dropped.get(revision, ()):
            missing = [str(c) for c in needs.named(drop) if c not in facts.columns]
            why = f"its contract names {', '.join(missing)}" if missing else ""
            if not why and wanted.newest_revision and not needs.named(drop):
                why = needs.why(drop)
            if why:
                what = f"revision {revision} of {name} has dropped {in_words(drop)}"
                yield Misfit(name, f"{what}: {why}")


def _about_column(column: Column, verb: str, facts: SchemaFacts) -> Iterator[Misfit]:
    if any(takes(drop, column) for drop in facts.dropping):
        yield Misfit(facts.database, f"it {verb} {column}, which is being dropped")
    elif column not in facts.columns and not _is_told(column, facts):
        why = f"it {verb} {column}, which {facts.database} doesn't have"
        yield Misfit(facts.database, why, can_come=True)


def _is_told(column: Column, facts: SchemaFacts) -> bool:
    """Whether it was dropped, which `_too_late` says better."""
    return any(takes(drop, column) for r in facts.applied for drop in facts.dropped.get(r, ()))


def _unfilled(backfill: Backfill, facts: SchemaFacts) -> Misfit:
    left = (
        "which is not filled yet"
        if backfill.rows_left is None
        else f"which {backfill.rows_left} rows still lack"
    )
    return Misfit(
        facts.database,
        f"it reads {backfill.column}, {left}: data migration leads the code; run "
        f"`davylamp schema backfill run {backfill.column} --database {facts.database}` "
        f"(revision {backfill.revision}) to its end",
        can_come=True,
    )
