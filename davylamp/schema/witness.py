"""The second witness: who is connected to a database, as PostgreSQL itself sees it."""

from __future__ import annotations

from dataclasses import dataclass

import psycopg

from davylamp.errors import Unreachable
from davylamp.schema.database import (
    APPLICATION,
    TargetDatabase,
    apply_settings,
    first_line,
)

_NAME_BYTES = 63
"""PostgreSQL cuts `application_name` there."""
_OWN_NAMES = ("davylamp", APPLICATION)
_SECONDS = 3.0

# A role without pg_read_all_stats sees no backend_type of others' sessions: they count as clients.
_CLIENTS = """
SELECT coalesce(application_name, ''), coalesce(usename, ''), count(*)::int
FROM pg_catalog.pg_stat_activity
WHERE datname = pg_catalog.current_database() AND pid <> pg_catalog.pg_backend_pid()
  AND coalesce(backend_type, 'client backend') IN ('client backend', 'walsender')
GROUP BY 1, 2 ORDER BY 1, 2
"""


@dataclass(frozen=True, order=True)
class Client:
    """All sessions of one name and role."""

    name: str
    """`application_name`; empty when the client gave none."""
    role: str = ""
    sessions: int = 1

    def __str__(self) -> str:
        named = f"client {self.name!r}" if self.name else "a client without application_name"
        return f"{named} (role {self.role}, {self.sessions} sessions)" if self.role else named


def name_of_build(service: str, version: str) -> str:
    """What a build's sessions are called, as PostgreSQL keeps it."""
    return f"{service}@{version}".encode()[:_NAME_BYTES].decode(errors="ignore")


def is_own(name: str) -> bool:
    """Whether a session is Davylamp's, which says what it does after a space. No build can pass
    for one: the names of its sessions have an `@`."""
    return "@" not in name and name.partition(" ")[0] in _OWN_NAMES


def clients_of(database: TargetDatabase, seconds: float = _SECONDS) -> list[Client]:
    """Everybody else who is connected to the database. Raises `Unreachable`."""
    try:
        with database.connect("witness") as db:
            apply_settings(db, {"statement_timeout": f"{seconds * 1000:.0f}"})
            return [Client(*row) for row in db.execute(_CLIENTS)]
    except psycopg.Error as error:
        raise Unreachable(
            f"who is connected to {database.label} could not be read: {first_line(error)}; "
            "a drop waits until it can"
        ) from error
