"""Builds in the record: what they promised, and which of them users once had."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Text, bindparam, select, text
from sqlalchemy.dialects.postgresql import ARRAY

from davylamp.ledger.models import BuildRow, ReleaseRow, ReleaseState
from davylamp.ledger.releases import Release, get_release

_REACHED_ALL = (ReleaseState.CONFIRMING, ReleaseState.PROMOTED, ReleaseState.UNCONFIRMED)


@dataclass(frozen=True)
class Build:
    """A build the ledger has a row of."""

    service: str
    digest: str
    version: str
    contract: Mapping[str, Any]
    known_bad_reason: str | None = None


_COLUMNS = (
    BuildRow.service,
    BuildRow.digest,
    BuildRow.version,
    BuildRow.contract,
    BuildRow.known_bad_reason,
)


_THESE = text("(service, digest) IN (SELECT * FROM unnest(:services, :digests))").bindparams(
    bindparam("services", type_=ARRAY(Text)), bindparam("digests", type_=ARRAY(Text))
)


def build_of(db: Connection, service: str, digest: str) -> Build | None:
    query = select(*_COLUMNS).where(BuildRow.service == service, BuildRow.digest == digest)
    row = db.execute(query).first()
    return Build(*row) if row else None


def these_builds(db: Connection, named: Collection[tuple[str, str]]) -> list[Build]:
    """By service and digest, however many; at least one."""
    services, digests = zip(*sorted(named), strict=True)
    query = select(*_COLUMNS).where(_THESE).order_by(BuildRow.service, BuildRow.first_seen_at)
    given = {"services": list(services), "digests": list(digests)}
    return [Build(*row) for row in db.execute(query, given)]


def builds_of_digests(db: Connection, digests: Collection[str]) -> list[Build]:
    """Of whatever service."""
    query = select(*_COLUMNS).where(BuildRow.digest.in_(digests))
    return [Build(*row) for row in db.execute(query.order_by(BuildRow.service))]


def all_builds(db: Connection) -> list[Build]:
    query = select(*_COLUMNS).order_by(BuildRow.service, BuildRow.first_seen_at)
    return [Build(*row) for row in db.execute(query)]


def once_stable(db: Connection, service: str, but: str, limit: int) -> list[Build]:
    """Builds all users of a service once had, other than `but`; the latest first."""
    query = (
        select(ReleaseRow.digest)
        .where(ReleaseRow.service == service, ReleaseRow.state.in_(_REACHED_ALL))
        .order_by(ReleaseRow.id.desc())
        .limit(20 * limit)
    )
    digests = dict.fromkeys(db.execute(query).scalars())
    found = (build_of(db, service, digest) for digest in digests if digest and digest != but)
    return [build for build in found if build][:limit]


def last_replacement(db: Connection, service: str, digest: str) -> Release | None:
    """The newest release that took all users from a build to another; None if there was none."""
    query = (
        select(ReleaseRow.id)
        .where(
            ReleaseRow.service == service,
            ReleaseRow.stable_digest == digest,
            ReleaseRow.state.in_(_REACHED_ALL),
        )
        .order_by(ReleaseRow.id.desc())
        .limit(1)
    )
    found = db.execute(query).scalar_one_or_none()
    return get_release(db, found) if found is not None else None
