"""The databases a service uses, as its catalog entry names them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field

DatabaseName: TypeAlias = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,62}$")]
"""Also a part of an environment variable's name, so: no dashes."""


class Database(BaseModel):
    """One database of a service, and how its schema changes are carried out."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, validate_by_name=True, validate_by_alias=True
    )

    url_from: str = Field(default="", pattern=r"^([A-Z_][A-Z0-9_]*)?$")
    """Environment variable that holds its libpq URL; empty: the database of this name beside the
    embedded plane's ledger."""
    schema_name: str = Field(default="public", alias="schema", min_length=1, max_length=63)
    """Where tables without a schema of their own are."""
    roles: tuple[Annotated[str, Field(min_length=1, max_length=63)], ...] = ()
    """The service's roles: a quarantine takes their rights on what is to be dropped."""
    quarantine_seconds: float = Field(default=86_400.0, ge=0)
    """How long nobody may have missed what is to be dropped."""
    contract_approval: Literal["automatic", "by_hand"] = "by_hand"
    """A drop is the one step that can't be taken back: by default somebody says yes to it."""
    migrations: str = ""
    """Folder of the Alembic history within this service's image; empty: it brings none."""
    witness_allowlist: tuple[str, ...] = ()
    """Names (`application_name`) of clients that are no build and need no column, e.g. `psql`."""


def described_differently(ours: Database, theirs: Database) -> list[str]:
    """The fields in which two services disagree about one database. Each sees it through its own
    variable, and names its own roles and clients; how it is changed is one for all."""
    shared = ("quarantine_seconds", "contract_approval")
    return [name for name in shared if getattr(ours, name) != getattr(theirs, name)]


def for_everybody(entries: Sequence[Database]) -> Database:
    """One database as the services that share it describe it together: all their roles and
    clients. The first entry gives the rest."""
    return entries[0].model_copy(
        update={
            "roles": tuple(dict.fromkeys(role for e in entries for role in e.roles)),
            "witness_allowlist": tuple(
                dict.fromkeys(name for e in entries for name in e.witness_allowlist)
            ),
            "migrations": next((e.migrations for e in entries if e.migrations), ""),
        }
    )


def variable_of(name: str) -> str:
    """The environment variable in which a copy finds the URL of an embedded database."""
    return f"DAVYLAMP_DATABASE_{name.upper()}"
