"""The next drop of a database, and who is against it: for `davylamp schema status`."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from davylamp.errors import DavylampError


@dataclass(frozen=True)
class NextDrop:
    """What the contract gate says of the contract revision whose turn it is."""

    service: str
    """Whose build brought it."""
    revision: str
    is_ready: bool
    reason: str
    blockers: tuple[str, ...] = ()

    @property
    def line(self) -> str:
        if self.is_ready:
            return (
                f"next drop: {self.revision} may run (`davylamp schema contract {self.service}`): "
                f"{self.reason}"
            )
        return f"next drop: {self.revision} waits: {'; '.join(self.blockers) or self.reason}"

    def document(self) -> dict[str, Any]:
        return asdict(self)


def next_drop(database: str) -> NextDrop | None:
    """None when no drop is next, or when nobody can tell: without a ledger or a platform the state
    of the database is still worth knowing."""
    from davylamp.rollout.contract_ready import contract_outlooks
    from davylamp.rollout.parts import open_parts
    from davylamp.settings import load_settings

    try:
        parts = open_parts(load_settings())
        try:
            found = contract_outlooks(parts, database)
        finally:
            parts.close()
    except DavylampError:
        return None
    if not found:
        return None
    one = found[0]
    blockers = tuple(map(str, one.answer.blockers)) if one.answer else ()
    return NextDrop(one.service, one.revision, one.is_ready, one.reason, blockers)
