"""Real databases of a simulated fleet: at revision r2 of r1 … r4, of which r4 is a drop."""

from __future__ import annotations

from collections.abc import Iterable

import psycopg
from psycopg import sql

from benchmarks.simulated_fleet.names import database_name
from benchmarks.simulated_fleet.world import World
from davylamp.ledger.schema import KnownRevision
from davylamp.schema.control import ensure_control
from davylamp.schema.whereabouts import plain_url

PHASES = {"r1": "expand", "r2": "migrate", "r3": "expand", "r4": "contract"}
PRESENT = "r2"
_TEMPLATE = "simulated_template"


def known_revisions(world: World, service: str) -> Iterable[KnownRevision]:
    """The history of a service's database, as builds have brought it."""
    for name in world.catalog.services[service].databases:
        before: str | None = None
        for revision, phase in PHASES.items():
            yield KnownRevision(name, revision, before, phase, revision * 8)
            before = revision


def make_databases(server_url: str, world: World) -> None:
    """Beside the ledger, one for each service that has one. Fine if they are there."""
    with psycopg.connect(plain_url(server_url), autocommit=True) as db:
        there = {row[0] for row in db.execute("SELECT datname FROM pg_database")}
        if _TEMPLATE not in there:
            db.execute(f"CREATE DATABASE {_TEMPLATE}")
            _fill(_beside(server_url, _TEMPLATE))
        for service in world.names[: world.size.databases]:
            name = database_name(service)
            if name not in there:
                form = sql.SQL("CREATE DATABASE {} TEMPLATE {}")
                db.execute(form.format(sql.Identifier(name), sql.Identifier(_TEMPLATE)))


def set_present(server_url: str, database: str, revision: str = PRESENT) -> None:
    """Put a database at a revision."""
    with psycopg.connect(_beside(server_url, database), autocommit=True) as db:
        db.execute("UPDATE alembic_version SET version_num = %s", [revision])


def set_migrated(server_url: str, database: str, days_ago: int = 1) -> None:
    """Say when its last migrate revision ended."""
    with psycopg.connect(_beside(server_url, database), autocommit=True) as db:
        db.execute(
            "UPDATE davylamp.revisions SET ended_at = clock_timestamp() - %s * interval '1 day'",
            [days_ago],
        )


def connect_as(server_url: str, database: str, name: str) -> psycopg.Connection:
    """A session that calls itself so."""
    return psycopg.connect(_beside(server_url, database), application_name=name)


def _fill(url: str) -> None:
    with psycopg.connect(url, autocommit=True) as db:
        ensure_control(db)
        db.execute("CREATE TABLE alembic_version (version_num varchar(32) PRIMARY KEY)")
        db.execute("INSERT INTO alembic_version VALUES (%s)", [PRESENT])
        for revision in ("r1", "r2"):
            db.execute(
                "INSERT INTO davylamp.revisions (id, sha256, phase, state, statements, done,"
                " ended_at) VALUES (%s, %s, %s, 'applied', 1, 1,"
                " clock_timestamp() - interval '1 day')",
                [revision, revision * 8, PHASES[revision]],
            )


def _beside(server_url: str, database: str) -> str:
    return plain_url(server_url).rsplit("/", 1)[0] + f"/{database}"
