"""Past builds of a service: those its users once had."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pydantic import ValidationError
from sqlalchemy import Connection

from davylamp.builds.contract import Contract
from davylamp.ledger import builds
from davylamp.ledger.releases import Release


@dataclass(frozen=True)
class PastBuild:
    """A build one might go back to."""

    version: str
    digest: str
    contract: Contract | None
    """None when the ledger has none that can be read."""
    known_bad: str = ""
    """Why it was once taken back."""


def past_builds(db: Connection, service: str, but: str, limit: int = 5) -> list[PastBuild]:
    """The builds that were stable before `but` (a digest), the one users had last first."""
    return [_past(row) for row in builds.once_stable(db, service, but, limit)]


def past_build(db: Connection, service: str, digest: str) -> PastBuild | None:
    row = builds.build_of(db, service, digest)
    return _past(row) if row else None


def replaced_by(db: Connection, service: str, digest: str) -> Release | None:
    """The release that took users from a build; None when they never had it."""
    return builds.last_replacement(db, service, digest)


def contract_from(document: Mapping[str, object]) -> Contract | None:
    """A contract as the ledger has it; None for one this version can't read: nothing is known."""
    try:
        return Contract.model_validate(document)
    except ValidationError:
        return None


def _past(row: builds.Build) -> PastBuild:
    known_bad = row.known_bad_reason or ""
    return PastBuild(row.version, row.digest, contract_from(row.contract), known_bad)
