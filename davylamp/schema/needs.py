"""What a build needs of a database, as far as its contract tells. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from davylamp.builds.contract import Contract
from davylamp.schema.drops import is_named_by_contracts, takes
from davylamp.schema.facts import Column, column_of
from davylamp.schema.lineage import Lineage

if TYPE_CHECKING:
    from davylamp.schema.shape_changes import Dropped


@dataclass(frozen=True)
class Needs:
    """What a build may miss. `everything` holds the reason why it counts as needing all."""

    columns: frozenset[Column] = frozenset()
    everything: str = ""
    others: str = ""
    """Why it may need what a contract has no name for: constraints, types, views."""

    def why(self, drop: Dropped) -> str:
        """Why it needs what is dropped; empty when it doesn't."""
        if self.everything:
            return self.everything
        named = self.named(drop)
        if named:
            return f"its contract names {', '.join(map(str, named))}"
        return "" if is_named_by_contracts(drop) else self.others

    def named(self, drop: Dropped) -> list[Column]:
        """The columns it names and that go with what is dropped."""
        return sorted(column for column in self.columns if takes(drop, column))


NOTHING = Needs()


def needs_of(
    contract: Contract | None,
    database: str,
    revision: str,
    lineage: Lineage,
    schema: str = "public",
) -> Needs:
    """What a build needs of a database once `revision` has run there.

    A build that is known to work with that revision, or a later one, needs only what its
    contract names. Without a contract it needs everything.
    """
    if contract is None:
        return Needs(everything="its contract is not known")
    columns = _columns(contract, database, schema)
    wanted = contract.databases.get(database)
    if wanted is None:
        return Needs(columns)
    works_after = bool(wanted.newest_revision) and (
        lineage.at_least(wanted.newest_revision, revision) is True
    )
    if works_after:
        return Needs(columns)
    known = f"works up to {wanted.newest_revision}" if wanted.newest_revision else "names no newest"
    others = f"its contract {known} and not with {revision}"
    if not wanted.reads and not wanted.writes:
        return Needs(columns, everything=f"{others}, and names no columns")
    return Needs(columns, others=others)


def _columns(contract: Contract, database: str, schema: str) -> frozenset[Column]:
    names: set[str] = set()
    wanted = contract.databases.get(database)
    if wanted is not None:
        names |= {*wanted.reads, *wanted.writes}
    for domain in (*contract.written(), *contract.readable()):
        if contract.is_in(domain, database):
            names.add(domain)
    return frozenset(found for name in names for found in _column(name, schema))


def _column(name: str, schema: str) -> tuple[Column, ...]:
    try:
        return (column_of(name, schema),)
    except ValueError:  # a domain of the old, free spelling is no column
        return ()
