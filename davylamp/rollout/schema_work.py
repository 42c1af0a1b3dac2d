"""SchemaWork: one database, the history a build brings for it, and whom to tell."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field

from davylamp.catalog.databases import Database, for_everybody
from davylamp.catalog.model import Service
from davylamp.errors import DavylampError, Refused
from davylamp.ledger.schema import append_schema_event, mirror_state
from davylamp.rollout.databases import target_of
from davylamp.rollout.parts import Parts
from davylamp.schema.apply_limits import Step
from davylamp.schema.backfill.model import Progress
from davylamp.schema.brought import history_of, revisions_brought
from davylamp.schema.database import TargetDatabase
from davylamp.schema.document import state_document
from davylamp.schema.revision import Revision
from davylamp.schema.state import SchemaState, state_of


@dataclass(frozen=True)
class Listener:
    """Who hears how it goes. Either may raise: the work stops there, and can go on later."""

    on_step: Callable[[Step], None] = lambda _: None
    on_progress: Callable[[Progress], None] = lambda _: None
    on_look: Callable[[float], None] = lambda _: None
    """Seconds a quarantine has left, twice a second."""


@dataclass(frozen=True)
class SchemaWork:
    """What there is to carry out on one database, for one build."""

    parts: Parts
    name: str
    entry: Database
    """As all services that use the database describe it together."""
    target: TargetDatabase
    revisions: tuple[Revision, ...]
    """The whole history, oldest first."""
    by: str
    """Who carries it out, for the ledger: `release 12`, `schema_change`, an operator."""
    tell: Listener = field(default_factory=Listener)

    def state(self) -> SchemaState:
        """How the database is now; also kept in the ledger, for those who can't ask it."""
        found = state_of(self.target, self.revisions)
        document = json.loads(json.dumps(state_document(found), default=str))
        with self.parts.ledger.begin() as db:
            mirror_state(db, self.name, found.revision, document)
        return found

    def pending(self, state: SchemaState | None = None) -> tuple[Revision, ...]:
        """Not run yet: by a `state` just read, or by a new look."""
        waiting = set((state or self.state()).pending)
        return tuple(one for one in self.revisions if one.id in waiting)

    def note(self, kind: str, message: str, revision: str = "", **data: object) -> None:
        """Into the ledger, before what it says is done, or right after."""
        with self.parts.ledger.begin() as db:
            append_schema_event(
                db, self.name, kind, message, by=self.by, revision=revision, data=data
            )


def work_of(
    parts: Parts, service: Service, digest: str, by: str, tell: Listener | None = None
) -> SchemaWork | None:
    """The schema work of a build; None where it brings no history. Its revisions are programs and
    are run to be read: verify the build first. Raises `Refused`, `BadInput`, `Unreachable`."""
    name = history_of(service.databases)
    if not name:
        return None
    entry = service.databases[name]
    revisions = revisions_brought(parts.registry(service), service.image.repository, digest, entry)
    if not revisions:
        return None
    target = target_of(parts.settings, name, entry)
    shared = _for_everybody(parts, name, entry)
    return SchemaWork(parts, name, shared, target, revisions, by, tell or Listener())


def _for_everybody(parts: Parts, name: str, entry: Database) -> Database:
    try:
        catalog = parts.catalog
    except DavylampError as error:
        raise Refused(
            f"who else uses {name} can't be told without the catalog, so nothing is done: {error}"
        ) from error
    others = [s.databases[name] for s in catalog.services.values() if name in s.databases]
    return for_everybody([entry, *(one for one in others if one != entry)])
