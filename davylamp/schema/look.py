"""A look at a database: its present state, read from it and from what is known of its history."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import psycopg

from davylamp.errors import BadInput, Unreachable
from davylamp.ledger.schema import KnownRevision
from davylamp.schema.control import control_version
from davylamp.schema.database import Db, TargetDatabase, apply_settings, first_line
from davylamp.schema.drops import drop_from
from davylamp.schema.dual_names import id_of
from davylamp.schema.facts import Backfill, Column, SchemaFacts
from davylamp.schema.history import version_of
from davylamp.schema.lineage import lineage_of
from davylamp.schema.phases import Phase
from davylamp.schema.quarantine_record import read_quarantines
from davylamp.schema.revision import DualWrite
from davylamp.schema.shape_changes import Dropped

_SETTINGS = {"statement_timeout": "5000", "default_transaction_read_only": "on"}
_COLUMNS = """
SELECT n.nspname, c.relname, a.attname FROM pg_catalog.pg_attribute a
JOIN pg_catalog.pg_class c ON c.oid = a.attrelid
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND a.attnum > 0 AND NOT a.attisdropped
  AND n.nspname <> 'information_schema' AND n.nspname <> 'davylamp' AND n.nspname !~ '^pg_'
"""
_BACKFILLS = "SELECT id, state, greatest(rows_estimated - rows_done, 0) FROM davylamp.backfills"
_ADOPTED = "SELECT id FROM davylamp.revisions WHERE state = 'adopted'"


def facts_of(
    database: TargetDatabase, known: Sequence[KnownRevision], schema: str = "public"
) -> SchemaFacts:
    """What a database is like now. `known` are the ledger's revisions of it.

    Raises `Unreachable` when it does not answer, `Refused` when it is at two revisions at once,
    `BadInput` when the known revisions are no line.
    """
    lineage = lineage_of((one.revision, one.down_revision) for one in known)
    try:
        with database.connect("look") as db:
            apply_settings(db, _SETTINGS)
            present = version_of(db)
            columns = frozenset(Column(*row) for row in db.execute(_COLUMNS))
            controlled = control_version(db) > 0
            backfills = tuple(_unfinished(db, known, controlled))
            dropping = tuple(_quarantined(db))
    except psycopg.Error as error:
        raise Unreachable(
            f"the schema of {database.label} could not be read: {first_line(error)}"
        ) from error
    return SchemaFacts(
        database=database.name,
        present=present,
        lineage=lineage,
        phases={one.revision: _phase(one) for one in known},
        columns=columns,
        backfills=backfills,
        dropping=dropping,
        dropped={one.revision: tuple(map(drop_from, one.drops)) for one in known},
        schema=schema,
    )


def _unfinished(db: Db, known: Sequence[KnownRevision], controlled: bool) -> Iterator[Backfill]:
    """Columns that a revision fills from others, and that aren't full, or not begun."""
    found = {row[0]: row[1:] for row in db.execute(_BACKFILLS)} if controlled else {}
    adopted = {row[0] for row in db.execute(_ADOPTED)} if controlled else set[str]()
    for one in known:
        if one.dual_write is None or one.revision in adopted:
            continue
        pair = dual_write_from(one.dual_write)
        state, left = found.get(id_of(pair), ("", None))
        if state != "done":
            column = Column(pair.schema, pair.table, pair.new)
            yield Backfill(one.revision, column, left)


def _quarantined(db: Db) -> Iterator[Dropped]:
    for one in read_quarantines(db):
        if one.has_rights_taken:
            held = one.held
            kind = "column" if held.column else "table"
            yield Dropped(kind, held.schema, held.column or held.table, held.table, held.column)


def dual_write_from(document: Mapping[str, str]) -> DualWrite:
    """As the ledger keeps it."""
    try:
        return DualWrite(**document)
    except TypeError as error:  # written by another version
        raise BadInput(f"the ledger holds a dual write that can't be read: {error}") from error


def _phase(one: KnownRevision) -> Phase:
    return Phase(one.phase) if one.phase in set(Phase) else Phase.REFUSED
