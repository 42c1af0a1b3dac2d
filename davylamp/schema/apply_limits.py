"""How long carrying out a revision may take, and what is heard of it meanwhile."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeAlias

from davylamp.schema.lease import LeaseTerms
from davylamp.schema.patience import LockLimits


@dataclass(frozen=True)
class ApplyLimits:
    """Bounds. Seconds."""

    locks: LockLimits = field(default_factory=LockLimits)
    lease: LeaseTerms = field(default_factory=lambda: LeaseTerms(wait_seconds=60))
    concurrently_seconds: float = 6 * 3600.0
    """Longest build, or drop, of an index CONCURRENTLY."""
    concurrently_tries: int = 3
    """Each after a repair of what the one before it left."""
    validate_seconds: float = 6 * 3600.0


@dataclass(frozen=True)
class Step:
    """Something that happened to a revision."""

    revision: str
    event: str
    """started, retrying, repaired, done (a statement), applied, failed."""
    statement: int = 0
    """How many statements are done."""
    statements: int = 0
    detail: str = ""


OnStep: TypeAlias = Callable[[Step], None]


def hear_nothing(_: Step) -> None:
    """For callers that want no steps."""
