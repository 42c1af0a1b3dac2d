"""Contamination of a service's databases: looked for after a canary was taken back, and before
users go back to an older build."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sqlalchemy import Connection

from davylamp.builds.contract import Contract
from davylamp.catalog.databases import Database
from davylamp.errors import DavylampError
from davylamp.ledger.releases import Release, append_event
from davylamp.ledger.schema import append_schema_event
from davylamp.rollout.entry import databases_of
from davylamp.rollout.parts import Parts
from davylamp.rollout.past import past_build
from davylamp.rollout.since import since_of
from davylamp.schema.contaminated import Contamination, Limits, Since
from davylamp.schema.contamination import probe_contamination
from davylamp.schema.whereabouts import url_of
from davylamp.settings import Settings

CONTAMINATED = "contamination"
"""Kind of the critical event."""
_AFTER_A_CUT = Limits(statement_seconds=2.0, total_seconds=5.0)
"""The release stays active meanwhile, and its service can't be released."""


def probe_databases(
    settings: Settings,
    databases: Mapping[str, Database],
    writer: Contract,
    reader: Contract,
    since: Mapping[str, Since],
    limits: Limits | None = None,
) -> list[Contamination]:
    """Look into each of a service's databases. Never raises: what couldn't be looked at is told."""
    return [
        _probe(settings, name, entry, writer, reader, since.get(name), limits)
        for name, entry in databases.items()
    ]


def report_contamination(parts: Parts, release: Release) -> list[Contamination]:
    """After a release was taken back, once its copies are gone: what did they leave behind?

    Never in the way of taking it back: users are on stable since. What is found is a critical
    event of the release, and of the database.
    """
    if not release.digest or not release.stable_digest:
        return []
    with parts.ledger.begin() as db:
        writer = past_build(db, release.service, release.digest)
        reader = past_build(db, release.service, release.stable_digest)
        since = since_of(db, release)
    databases = databases_of(release)
    if not since or not databases or writer is None or reader is None:
        return []  # no copy of it was ever started
    if writer.contract is None or reader.contract is None:
        return []
    found = probe_databases(
        parts.settings, databases, writer.contract, reader.contract, since, _AFTER_A_CUT
    )
    told = [one for one in found if not one.is_clean]
    if told:
        with parts.ledger.begin() as db:
            _write_down(db, release, reader.version, told)
    return told


def in_words(found: Sequence[Contamination]) -> str:
    return "; ".join(str(one) for one in found if not one.is_clean)


def _write_down(
    db: Connection, release: Release, reader: str, told: Sequence[Contamination]
) -> None:
    rows = sum(one.rows for one in told)
    what = f"left {rows} rows that {reader} can't read" if rows else f"may have left what {reader} "
    what += "" if rows else "can't read"
    message = f"{release.version} {what}: {in_words(told)}"
    data = {
        "severity": "critical" if rows else "warning",
        "rows": rows,
        "contamination": [one.document() for one in told],
    }
    append_event(db, release.id, CONTAMINATED, message, data)
    for one in told:
        document = {**data, "release": release.id, "contamination": [one.document()]}
        append_schema_event(
            db, one.database, CONTAMINATED, message, by=f"release {release.id}", data=document
        )


def _probe(
    settings: Settings,
    name: str,
    entry: Database,
    writer: Contract,
    reader: Contract,
    since: Since | None,
    limits: Limits | None,
) -> Contamination:
    try:
        url = url_of(settings, name, entry)
    except DavylampError as error:
        return Contamination(name, unknown=(f"{name} could not be looked at: {error}",))
    return probe_contamination(
        url, writer, reader, since, database=name, schema=entry.schema_name, limits=limits
    )
