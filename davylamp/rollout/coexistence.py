"""Nothing incompatible ever meets: a candidate's contract against every build alive. Pure.

So far it compares value domains. Flags, schema revisions and API versions stand in the
contract, and in the ledger, and are not compared.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from davylamp.builds.contract import Contract


@dataclass(frozen=True)
class Conflict:
    """Two builds that must not serve at the same time, and over what."""

    subject: str
    other: str
    why: str

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
    """The builds it was held against."""


def check_coexistence(
    candidate: Contract, candidate_name: str, alive: Sequence[LiveBuild]
) -> Coexistence:
    """Hold a candidate's contract against every build that is observed alive."""
    found: list[Conflict] = []
    for build in alive:
        if build.contract is None:
            where = ", ".join(build.instances)
            why = f"the ledger knows no contract of it (it runs as {where}); stop or release it"
            found.append(Conflict(candidate_name, build.name, why))
            continue
        found += _unreadable(candidate_name, candidate, build.name, build.contract)
        found += _unreadable(build.name, build.contract, candidate_name, candidate)
    return Coexistence(tuple(found), tuple(build.name for build in alive))


def _unreadable(
    writer_name: str, writer: Contract, reader_name: str, reader: Contract
) -> list[Conflict]:
    """Value domains in which one build writes what the other can't read."""
    return [
        Conflict(
            writer_name, reader_name, f"it writes {domain} = {value!r}, which the other can't read"
        )
        for domain, value in _values_not_read(writer.writes_values, reader.reads_values)
    ]


def _values_not_read(
    written: Mapping[str, tuple[str, ...]], readable: Mapping[str, tuple[str, ...]]
) -> list[tuple[str, str]]:
    return [
        (domain, value)
        for domain, values in sorted(written.items())
        if domain in readable
        for value in values
        if value not in readable[domain]
    ]
