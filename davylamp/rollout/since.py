"""From when on rows count that a release's build may have written."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import Connection

from davylamp.ledger.releases import Release, events_of
from davylamp.schema.contaminated import Since

MARKED = "databases_marked"
_CLOCKS_DIFFER = timedelta(seconds=10)
"""The ledger's clock and the database's."""


def since_of(db: Connection, release: Release) -> dict[str, Since]:
    """By database, from before the release's first copy on. One that isn't there: all rows."""
    for event in events_of(db, release.id):
        if event.kind == MARKED:
            at = event.at - _CLOCKS_DIFFER
            marks: dict[str, int] = event.data.get("marks", {})
            return {name: Since(at, mark) for name, mark in marks.items()}
    return {}
