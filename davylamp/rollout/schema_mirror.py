"""What the ledger knows of a database's schema change, brought up to what the database says."""

from __future__ import annotations

import json
from dataclasses import replace

from davylamp.catalog.databases import Database
from davylamp.ledger import schema
from davylamp.rollout.databases import target_of
from davylamp.rollout.parts import Parts
from davylamp.schema.document import state_document
from davylamp.schema.lineage import lineage_of
from davylamp.schema.state import state_of

_CONNECT_SECONDS = 2


def refresh_state(parts: Parts, name: str, entry: Database) -> None:
    """Look at one database and keep what was seen; nothing where no build brought a history.
    Raises `Unreachable`, `BadInput`."""
    with parts.ledger.begin() as db:
        known = schema.revisions_of(db, name)
    if not known:
        return
    found = state_of(target_of(parts.settings, name, entry, _CONNECT_SECONDS))
    order = lineage_of((one.revision, one.down_revision) for one in known).order
    pending = _after(order, found.revision)
    document = json.loads(json.dumps(state_document(replace(found, pending=pending)), default=str))
    with parts.ledger.begin() as db:
        before = schema.mirrored_states(db).get(name)
        if before is None or before.document != document:
            schema.mirror_state(db, name, found.revision, document)


def _after(order: tuple[str, ...], present: str) -> tuple[str, ...]:
    """What comes after a revision; nothing after one that nobody brought."""
    if not present:
        return order
    return order[order.index(present) + 1 :] if present in order else ()
