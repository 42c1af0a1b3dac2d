"""The revisions a build brings, as the ledger is to remember them."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

from sqlalchemy import Connection

from davylamp.builds.protocol import Registry
from davylamp.builds.unpack import unpack
from davylamp.catalog.databases import Database
from davylamp.errors import Refused
from davylamp.ledger import schema
from davylamp.ledger.schema import KnownRevision
from davylamp.schema.drops import drop_document
from davylamp.schema.image_revisions import revisions_of_image
from davylamp.schema.lineage import lineage_of
from davylamp.schema.revision import Revision
from davylamp.schema.revisions import load_revisions
from davylamp.schema.shape_changes import drops_of
from davylamp.schema.statements import Unparsable


def history_of(databases: Mapping[str, Database]) -> str:
    """The database whose history a service's image carries: the one that names its folder, or
    the only one there is; empty when it can't be told, or there is none."""
    named = [name for name, entry in databases.items() if entry.migrations]
    if named:
        return named[0]
    return next(iter(databases)) if len(databases) == 1 else ""


def revisions_brought(
    registry: Registry, repository: str, digest: str, entry: Database
) -> tuple[Revision, ...]:
    """The revisions in an image, first to last. They are programs, and are run: verify first."""
    if not entry.migrations:
        return revisions_of_image(registry, repository, digest)
    with tempfile.TemporaryDirectory(prefix="davylamp-revisions-") as folder:
        image = unpack(registry, repository, digest, Path(folder))
        return load_revisions(image.workdir / entry.migrations.lstrip("/"))


def remember(
    db: Connection, database: str, revisions: Sequence[Revision], present: str, brought_by: str
) -> None:
    """Write a build's revisions down; `present` is the revision the database is at.

    Those of an earlier build that never ran make room. Raises `Refused` for one that was edited
    after it ran, `BadInput` when they and those that ran are no line; then nothing is written.
    """
    told = [_known(database, one, brought_by) for one in revisions]
    with db.begin_nested():
        known = schema.revisions_of(db, database)
        schema.forget_revisions(db, database, outdated(known, told, present))
        wrong = schema.note_revisions(db, told)
        if wrong:
            raise Refused("; ".join(wrong))
        together = schema.revisions_of(db, database)
        lineage_of((one.revision, one.down_revision) for one in together)


def outdated(
    known: Sequence[KnownRevision], told: Sequence[KnownRevision], present: str
) -> set[str]:
    """Known revisions that can't have run, and that those told now replace or leave behind."""
    ran = _up_to(known, present)
    now = {one.revision: one for one in told}
    places = {one.down_revision for one in told}
    gone = {
        one.revision
        for one in known
        if one.revision not in ran
        and (
            one.sha256 != now[one.revision].sha256
            if one.revision in now
            else one.down_revision in places
        )
    }
    while more := {
        one.revision
        for one in known
        if one.down_revision in gone and one.revision not in {*gone, *now, *ran}
    }:
        gone |= more
    return gone


def _up_to(known: Sequence[KnownRevision], present: str) -> set[str]:
    """Everything up to the revision a database is at; all of it when that isn't known here."""
    by_id = {one.revision: one for one in known}
    if present and present not in by_id:
        return {*by_id}
    ran: set[str] = set()
    at = by_id.get(present)
    while at is not None and at.revision not in ran:
        ran.add(at.revision)
        at = by_id.get(at.down_revision or "")
    return ran


def _known(database: str, one: Revision, brought_by: str) -> KnownRevision:
    try:
        drops = drops_of(one.sql)
    except Unparsable as error:
        raise Refused(f"revision {one.id} of {database}: {error}") from error
    return KnownRevision(
        database=database,
        revision=one.id,
        down_revision=one.down,
        phase=str(one.phase),
        sha256=one.sha256,
        drops=[drop_document(drop) for drop in drops],
        dual_write=asdict(one.dual_write) if one.dual_write else None,
        brought_by=brought_by,
    )
