"""A release's own copy of its catalog entry: what was agreed when it began holds to its end."""

from __future__ import annotations

from pydantic import ValidationError

from davylamp.catalog.databases import Database
from davylamp.catalog.model import Service
from davylamp.ledger.releases import Release

_DRAIN_SECONDS = 10.0


def entry_of(release: Release) -> Service:
    return Service.model_validate(release.entry)


def drain_seconds_of(release: Release) -> float:
    """How long its copies get to finish. An entry that another version of Davylamp wrote, and
    this one can't read, is no reason to leave them running."""
    try:
        return entry_of(release).release.drain_seconds
    except ValidationError:
        return _DRAIN_SECONDS


def databases_of(release: Release) -> dict[str, Database]:
    """The databases of its entry; none when the entry can't be read."""
    try:
        return entry_of(release).databases
    except ValidationError:
        return {}
