"""A database of the embedded plane: made when a service that names it is first released."""

from __future__ import annotations

from collections.abc import Sequence

import psycopg
from psycopg import sql

from davylamp.catalog.databases import Database
from davylamp.errors import Unreachable
from davylamp.schema.database import Db, TargetDatabase, first_line
from davylamp.schema.whereabouts import embedded_url
from davylamp.settings import Settings

_RIGHTS = (
    "GRANT USAGE ON SCHEMA {schema} TO {role}",
    "GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA {schema} TO {role}",
    "GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA {schema} TO {role}",
    "ALTER DEFAULT PRIVILEGES IN SCHEMA {schema} GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES "
    "TO {role}",
    "ALTER DEFAULT PRIVILEGES IN SCHEMA {schema} GRANT USAGE, SELECT ON SEQUENCES TO {role}",
)
"""Of an application's role. Given once, when the role is new here: rights that a quarantine has
taken since are not given back by the next release."""


def make_embedded(settings: Settings, name: str, entry: Database) -> None:
    """Make a database and its roles where they aren't there yet; nothing for a database that has
    a URL of its own. Raises `Unreachable`."""
    plane = embedded_url(settings, "postgres")
    if entry.url_from or not plane:
        return
    try:
        with TargetDatabase(plane, "postgres").connect("new database") as db:
            _make_database(db, name)
        with TargetDatabase(embedded_url(settings, name), name).connect("new database") as db:
            form = sql.SQL("CREATE SCHEMA IF NOT EXISTS {}")
            db.execute(form.format(sql.Identifier(entry.schema_name)))
            _make_roles(db, entry.roles, entry.schema_name)
    except psycopg.Error as error:
        raise Unreachable(f"database {name} could not be made: {first_line(error)}") from error


def _make_database(db: Db, name: str) -> None:
    if db.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name]).fetchone():
        return
    try:
        db.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    except psycopg.errors.DuplicateDatabase:
        return  # somebody else was faster


def _make_roles(db: Db, roles: Sequence[str], schema: str) -> None:
    for role in roles:
        with db.transaction():
            db.execute("SELECT pg_advisory_xact_lock(hashtextextended('davylamp.roles', 0))")
            found = db.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [role]).fetchone()
            if not found:
                db.execute(sql.SQL("CREATE ROLE {} LOGIN").format(sql.Identifier(role)))
            if not _is_known_here(db, role, schema):
                names = {"role": sql.Identifier(role), "schema": sql.Identifier(schema)}
                for right in _RIGHTS:
                    db.execute(sql.SQL(right).format(**names))


def _is_known_here(db: Db, role: str, schema: str) -> bool:
    """Whether the role was given its rights in this database before. PUBLIC may have the same
    right on the schema, so it is looked for in what the role itself was given."""
    found = db.execute(
        "SELECT 1 FROM pg_catalog.pg_namespace n, aclexplode(n.nspacl) a "
        "JOIN pg_catalog.pg_roles r ON r.oid = a.grantee WHERE n.nspname = %s AND r.rolname = %s",
        [schema, role],
    ).fetchone()
    return found is not None
