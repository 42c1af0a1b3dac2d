"""Source: what the fleet reports about itself. One implementation a file."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Protocol

from davylamp.judge.sample import Role, Sample


@dataclass(frozen=True)
class Watched:
    """One side of one active release that is to be sampled."""

    service: str
    role: Role
    release_id: int


class Source(Protocol):
    """Reads all watched builds in one grouped read: never one query a release."""

    def read(self, watched: Collection[Watched]) -> list[Sample]:
        """One Sample a watched side the source knows of, all at one moment.

        A side it knows nothing of is left out, never invented. Raises `Unreachable`.
        """
        ...
