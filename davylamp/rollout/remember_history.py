"""Remember which revisions a build brings: by its release, or by a change on its own."""

from __future__ import annotations

from collections.abc import Sequence

from davylamp.catalog.model import Service
from davylamp.rollout.databases import target_of
from davylamp.rollout.parts import Parts
from davylamp.schema.brought import remember
from davylamp.schema.look import facts_of
from davylamp.schema.revision import Revision


def remember_history(
    parts: Parts, service: Service, name: str, revisions: Sequence[Revision], version: str
) -> None:
    """Write the revisions of database `name` down, as they fit what the database is at now."""
    entry = service.databases[name]
    present = facts_of(target_of(parts.settings, name, entry), (), entry.schema_name).present
    with parts.ledger.begin() as db:
        remember(db, name, revisions, present, f"{service.name} {version}")
