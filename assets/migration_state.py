"""`migration_state`: how far the schema change of each service's databases has come."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import dagster as dg

from assets.live_version import services
from assets.migration_metadata import figures_of, metadata_of, needs_of

if TYPE_CHECKING:
    from davylamp.ledger.schema import KnownRevision
    from davylamp.rollout.contract_ready import ContractOutlook
    from davylamp.rollout.parts import Parts

migration_state = dg.AssetSpec(
    "migration_state",
    partitions_def=services,
    group_name="fleet",
    kinds={"davylamp"},
    description=(
        "How far the schema change of each service's databases has come: phase, revision, "
        "progress, who still needs what the next drop takes. Releases and `schema_change` "
        "materialize it; an observation is written whenever something has changed."
    ),
)


@dataclass(frozen=True)
class DatabaseChange:
    """One database, as the ledger knows it."""

    name: str
    document: dict[str, Any]
    """`state_document` as it was last seen; empty before anybody looked."""
    known: Sequence[KnownRevision]
    """In their order."""
    outlook: ContractOutlook | None
    """None when no drop is next."""


@dataclass(frozen=True)
class Migration:
    """A service, and the databases it uses that have a history."""

    service: str
    databases: Sequence[DatabaseChange]

    @cached_property
    def fingerprint(self) -> str:
        """Changes when there is something new to report."""
        told = [figures_of(one) | {"needs": needs_of(one)} for one in self.databases]
        text = json.dumps(told, sort_keys=True, default=str)
        return hashlib.sha256(text.encode()).hexdigest()[:16]


def read_migrations(
    parts: Parts, outlooks: Sequence[ContractOutlook] = (), service: str = ""
) -> list[Migration]:
    """All services that have one, or only `service`, by the ledger alone. Raises `Unreachable`."""
    from davylamp.ledger.schema import mirrored_states, revisions_of

    by_database = {one.database: one for one in outlooks}
    wanted = {
        name: list(entry.databases)
        for name, entry in parts.catalog.services.items()
        if entry.databases and service in ("", name)
    }
    with parts.ledger.begin() as db:
        states = mirrored_states(db)
        known = {name: revisions_of(db, name) for of in wanted.values() for name in of}
    found: list[Migration] = []
    for name, databases in wanted.items():
        changes = [
            DatabaseChange(
                one,
                dict(states[one].document) if one in states else {},
                _in_order(known[one]),
                by_database.get(one),
            )
            for one in databases
            if known[one]
        ]
        if changes:
            found.append(Migration(name, changes))
    return found


def materialization(one: Migration) -> dg.AssetMaterialization:
    """What a release or a run of `schema_change` reports at its end."""
    return dg.AssetMaterialization(
        migration_state.key,
        partition=one.service,
        metadata=metadata_of(one.databases),
        tags={"dagster/data_version": _version(one)},
    )


def observation(one: Migration) -> dg.AssetObservation:
    """What a look reports."""
    return dg.AssetObservation(
        migration_state.key,
        partition=one.service,
        metadata=metadata_of(one.databases),
        tags={"dagster/data_version": _version(one)},
    )


def _in_order(known: Sequence[KnownRevision]) -> Sequence[KnownRevision]:
    from davylamp.errors import BadInput
    from davylamp.schema.lineage import lineage_of

    try:
        order = lineage_of((one.revision, one.down_revision) for one in known).order
    except BadInput:
        return known  # it is shown all the same; releases are refused for it
    by_id = {one.revision: one for one in known}
    return [by_id[revision] for revision in order]


def _version(one: Migration) -> str:
    return "+".join(str(db.document.get("revision") or "none") for db in one.databases)
