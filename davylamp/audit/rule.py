"""Rule: one way in which a fleet can be wrong."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from davylamp.audit.findings import Finding
from davylamp.audit.fleet import Fleet


@dataclass(frozen=True)
class Rule:
    """`find` looks at the whole fleet at once; it is pure, and linear in the fleet's size."""

    code: str
    find: Callable[[Fleet], Iterable[Finding]]
