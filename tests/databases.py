"""Databases for tests: copied from a template once, and emptied from test to test."""

from __future__ import annotations

import uuid

import psycopg
from psycopg import sql

_OTHERS = """
SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid()
"""
_SHAPE = """
SELECT md5(string_agg(format('%s %s %s', n.nspname, c.relname, c.relkind), ',' ORDER BY 1, c.oid))
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname NOT LIKE 'pg\\_%' AND n.nspname <> 'information_schema'
"""
_TABLES = """
SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename <> 'ledger_revision'
"""
_SEQUENCES = "SELECT setval(format('%I.%I', schemaname, sequencename), 1, false) FROM pg_sequences"
_shapes: set[str] = set()
"""Of databases just made: one that looks otherwise was changed by its test, and isn't kept."""


def make_database(maintenance_url: str, template: str) -> str:
    """A copy of the template; gives its name."""
    name = f"test_{uuid.uuid4().hex[:12]}"
    with psycopg.connect(maintenance_url, autocommit=True) as db:
        form = sql.SQL("CREATE DATABASE {} TEMPLATE {}")
        db.execute(form.format(sql.Identifier(name), sql.Identifier(template)))
    url = f"{maintenance_url.rsplit('/', 1)[0]}/{name}"
    with psycopg.connect(url) as db:
        _shapes.add(_shape(db))
    return name


def empty_database(url: str) -> bool:
    """Take all rows out, whatever triggers say. False when it is no longer as it was made."""
    with psycopg.connect(url, autocommit=True) as db:
        db.execute(_OTHERS)
        if _shape(db) not in _shapes:
            return False
        db.execute("SET session_replication_role = replica")  # no triggers
        tables = [row[0] for row in db.execute(_TABLES)]
        delete = sql.SQL("DELETE FROM {}")
        db.execute(sql.SQL("; ").join(delete.format(sql.Identifier(name)) for name in tables))
        db.execute(_SEQUENCES)
    return True


def drop_database(maintenance_url: str, name: str) -> None:
    with psycopg.connect(maintenance_url, autocommit=True) as db:
        db.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


def _shape(db: psycopg.Connection) -> str:
    found = db.execute(_SHAPE).fetchone()
    return str(found[0]) if found else ""
