"""Evidence: what is measured beside the steps. Nothing in here is known beforehand."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True)
class Backfilled:
    """The backfill, as it was heard."""

    rows: int
    """Rows it migrated itself; the dual write had migrated the rest."""
    seconds: float
    """From the dual write's installation to the verified end."""
    differing: int
    """Rows whose two columns differ afterwards, counted."""

    @property
    def rows_per_second(self) -> int:
        return round(self.rows / self.seconds) if self.seconds > 0 else 0


@dataclass(frozen=True)
class ContractRefused:
    """The drop that was held up."""

    instance: str
    """The first instance that the gate named; empty when it named none."""
    reason: str
    blockers: tuple[str, ...] = ()


@dataclass(frozen=True)
class Contracted:
    """The drop that was done."""

    revision: str
    reason: str
    builds_ended: tuple[str, ...]
    """As the point of no return names them."""
    quarantine_seconds: float
    columns_left: tuple[str, ...]
    """Of the table, afterwards."""


@dataclass(frozen=True)
class RollbackRefused:
    """A way back that is shut."""

    to: str
    rows: int
    samples: tuple[str, ...]
    blocks: tuple[str, ...]
    """Kinds of what was in the way."""
    reason: str


@dataclass
class Evidence:
    """Gathered as the act goes on. What isn't there, it never came to."""

    backfilled: Backfilled | None = None
    contract_refused: ContractRefused | None = None
    contracted: Contracted | None = None
    rollbacks_refused: list[RollbackRefused] = field(default_factory=list[RollbackRefused])


def document_of(
    one: ContractRefused | Contracted | RollbackRefused | None,
) -> dict[str, Any] | None:
    return None if one is None else asdict(one)
