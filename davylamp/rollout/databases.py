"""A service's databases, for its release: how they are now, and how its copies find them."""

from __future__ import annotations

from collections.abc import Mapping

from davylamp.catalog.databases import Database, variable_of
from davylamp.catalog.model import Service
from davylamp.ledger import schema
from davylamp.ledger.session import Ledger
from davylamp.schema.database import TargetDatabase
from davylamp.schema.facts import SchemaFacts
from davylamp.schema.look import facts_of
from davylamp.schema.whereabouts import embedded_url, url_of
from davylamp.schema.witness import name_of_build
from davylamp.settings import Settings


def target_of(
    settings: Settings, name: str, entry: Database, connect_seconds: int = 5
) -> TargetDatabase:
    """Raises `BadInput` or `Unreachable` when it isn't known where the database is."""
    return TargetDatabase(url_of(settings, name, entry), name, connect_seconds)


def look_at(
    settings: Settings, ledger: Ledger, databases: Mapping[str, Database]
) -> dict[str, SchemaFacts]:
    """How databases are now. Raises `Unreachable`, `BadInput`, `Refused`."""
    found: dict[str, SchemaFacts] = {}
    for name, entry in databases.items():
        target = target_of(settings, name, entry)
        with ledger.begin() as db:
            known = schema.revisions_of(db, name)
        found[name] = facts_of(target, known, entry.schema_name)
    return found


def environment_of(settings: Settings, service: Service, version: str) -> dict[str, str]:
    """What the platform tells a copy: what its sessions are to be called, and where databases of
    the embedded plane are. It wins over the catalog: the name is what drops are held up by."""
    found = {"PGAPPNAME": name_of_build(service.name, version)}
    for name, entry in service.databases.items():
        role = entry.roles[0] if entry.roles else ""
        url = "" if entry.url_from else embedded_url(settings, name, role)
        if url:
            found[variable_of(name)] = url
    return found
