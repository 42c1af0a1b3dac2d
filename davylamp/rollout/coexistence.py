"""Nothing incompatible ever meets: a candidate's contract against every build alive, and against
the databases as they are. Pure.

Flags and API versions stand in the contract, and in the ledger, and are not compared.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from davylamp.builds.contract import Contract
from davylamp.schema.domains import unreadable
from davylamp.schema.facts import SchemaFacts
from davylamp.schema.fit import misfits


@dataclass(frozen=True)
class Conflict:
    """Two builds that must not serve at the same time, or a build and a database; and over what."""

    subject: str
    other: str
    why: str
    can_be_overridden: bool = False
    """Rows may be lost on the one build; nothing else breaks. An operator may take that on."""

    def __str__(self) -> str:
        return f"{self.subject} can't run beside {self.other}: {self.why}"


@dataclass(frozen=True)
class LiveBuild:
    """A build that was observed alive. `contract` is None when the ledger doesn't know it."""

    name: str
    instances: tuple[str, ...]
    contract: Contract | None


@dataclass(frozen=True)
class Coexistence:
    """The guard's answer: may the candidate stand beside what is alive?"""

    conflicts: tuple[Conflict, ...] = ()
    checked: tuple[str, ...] = ()
    """The builds and databases it was held against."""
    overridden: tuple[Conflict, ...] = ()
    """Conflicts that an operator took upon himself, with a reason."""

    def overriding(self) -> Coexistence:
        """The same answer for a release whose operator overrides what may be overridden."""
        kept = tuple(c for c in self.conflicts if not c.can_be_overridden)
        given = tuple(c for c in self.conflicts if c.can_be_overridden)
        return replace(self, conflicts=kept, overridden=(*self.overridden, *given))


def check_coexistence(
    candidate: Contract,
    candidate_name: str,
    alive: Sequence[LiveBuild],
    databases: Mapping[str, SchemaFacts] | None = None,
    *,
    before_expand: bool = False,
) -> Coexistence:
    """Hold a candidate's contract against every build that is observed alive, and (unless None)
    against the databases of its service. `before_expand`: what the release's own expand and
    migrate revisions may still bring is not held against it yet."""
    found: list[Conflict] = []
    for build in alive:
        if build.contract is None:
            where = ", ".join(build.instances)
            why = f"the ledger knows no contract of it (it runs as {where}); stop or release it"
            found.append(Conflict(candidate_name, build.name, why))
            continue
        found += _unreadable(candidate_name, candidate, build.name, build.contract)
        found += _unreadable(build.name, build.contract, candidate_name, candidate)
    checked = tuple(build.name for build in alive)
    if databases is not None:
        found += check_databases(candidate, candidate_name, databases, before_expand=before_expand)
        checked += tuple(_state(facts) for facts in databases.values())
    return Coexistence(tuple(found), checked)


def check_databases(
    contract: Contract,
    name: str,
    databases: Mapping[str, SchemaFacts],
    *,
    before_expand: bool = False,
) -> list[Conflict]:
    """A build against the databases as they are."""
    return [
        Conflict(name, f"the database {found.database}", found.why)
        for found in misfits(contract, databases)
        if not (before_expand and found.can_come)
    ]


def _state(facts: SchemaFacts) -> str:
    return f"{facts.database} at {facts.present or 'its beginning'}"


def _unreadable(
    writer_name: str, writer: Contract, reader_name: str, reader: Contract
) -> list[Conflict]:
    """Value domains in which one build writes what the other can't read."""
    return [
        Conflict(writer_name, reader_name, f"{found}, which the other can't read", True)
        for found in unreadable(writer, reader)
    ]
