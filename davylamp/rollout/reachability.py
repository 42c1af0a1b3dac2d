"""Reachability: which past builds a service can go back to right now, and what is in the way of
the others. Pure.

Feature flags will be in the way too once they exist.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from davylamp.builds.contract import Contract
from davylamp.rollout.past import PastBuild
from davylamp.schema.domains import unreadable
from davylamp.schema.facts import SchemaFacts
from davylamp.schema.fit import misfits


class Obstacle(StrEnum):
    """What can be in the way."""

    NO_RETURN = "no_return"
    """A drop took what it needs, for good."""
    SCHEMA = "schema"
    DOMAINS = "domains"
    """The build users have may write what it can't read."""
    KNOWN_BAD = "known_bad"
    UNKNOWN = "unknown"
    """Its contract, or the state of a database, isn't known: never the same as fine."""

    @property
    def can_be_overridden(self) -> bool:
        return self is Obstacle.DOMAINS


@dataclass(frozen=True)
class Block:
    """One thing in the way of going back to a build."""

    kind: Obstacle
    why: str


@dataclass(frozen=True)
class Reach:
    """Whether one past build can be gone back to."""

    version: str
    digest: str
    blocks: tuple[Block, ...] = ()

    @property
    def is_reachable(self) -> bool:
        return not self.blocks

    def document(self) -> dict[str, Any]:
        blocks = [{"kind": str(b.kind), "why": b.why} for b in self.blocks]
        named = {"version": self.version, "digest": self.digest}
        return named | {"reachable": self.is_reachable, "blocks": blocks}


@dataclass(frozen=True)
class Lost:
    """A point of no return: the digests of the builds it ended."""

    database: str
    revision: str
    digests: frozenset[str]


def reachable_builds(
    current: Contract | None,
    past: Sequence[PastBuild],
    databases: Mapping[str, SchemaFacts],
    lost: Sequence[Lost] = (),
    unseen: Mapping[str, str] | None = None,
) -> tuple[Reach, ...]:
    """Say of each past build what is in the way of going back to it from the `current` one.

    `unseen`: databases that could not be looked at, and why.
    """
    return tuple(
        Reach(one.version, one.digest, tuple(_blocks(current, one, databases, lost, unseen or {})))
        for one in past
    )


def in_words(reach: Sequence[Reach]) -> str:
    """In one line; empty when there is nowhere to go back to."""
    if not reach:
        return ""
    free = [one.version for one in reach if one.is_reachable]
    shut = [f"{one.version} ({one.blocks[0].why})" for one in reach if not one.is_reachable]
    said = f"one can go back to {', '.join(free)}" if free else "one can go back to no build"
    return said + (f", not to {'; '.join(shut)}" if shut else "")


def _blocks(
    current: Contract | None,
    past: PastBuild,
    databases: Mapping[str, SchemaFacts],
    lost: Sequence[Lost],
    unseen: Mapping[str, str],
) -> list[Block]:
    found: list[Block] = []
    for point in lost:
        if past.digest in point.digests:
            why = f"revision {point.revision} of {point.database} took what it needs, for good"
            found.append(Block(Obstacle.NO_RETURN, why))
    if past.known_bad:
        found.append(Block(Obstacle.KNOWN_BAD, f"it was taken back: {past.known_bad}"))
    if past.contract is None:
        return [*found, Block(Obstacle.UNKNOWN, "its contract can't be read")]
    for name in sorted(past.contract.databases.keys() & unseen.keys()):
        found.append(Block(Obstacle.UNKNOWN, f"{name} could not be looked at: {unseen[name]}"))
    found += [
        Block(Obstacle.SCHEMA, misfit.why)
        for misfit in misfits(past.contract, databases)
        if misfit.database not in unseen
    ]
    return found + _domains(current, past.contract)


def _domains(current: Contract | None, past: Contract) -> list[Block]:
    if current is None:
        return [Block(Obstacle.UNKNOWN, "the contract of the build users have can't be read")]
    return [
        Block(Obstacle.DOMAINS, f"users' build may write {found.domain} {found.what}")
        for found in unreadable(current, past)
    ]
