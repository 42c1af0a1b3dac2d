"""The control tables in the target database's own schema `davylamp`: what was done, and where it
stopped. They are written in the same transactions as what they tell of."""

from __future__ import annotations

from davylamp.schema.database import Db

_VERSIONS = (
    """
    CREATE TABLE davylamp.revisions (
        id text PRIMARY KEY,
        sha256 text NOT NULL,
        phase text NOT NULL,
        state text NOT NULL CHECK (state IN ('running', 'failed', 'applied', 'adopted')),
        statements int NOT NULL DEFAULT 0,
        done int NOT NULL DEFAULT 0,
        entered int NOT NULL DEFAULT 0,
        reason text NOT NULL DEFAULT '',
        started_at timestamptz NOT NULL DEFAULT clock_timestamp(),
        ended_at timestamptz
    );
    COMMENT ON COLUMN davylamp.revisions.entered IS
        'statements begun outside a transaction: more than done after a crash in one of them';
    CREATE TABLE davylamp.steps (
        id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        at timestamptz NOT NULL DEFAULT clock_timestamp(),
        subject text NOT NULL,
        event text NOT NULL,
        detail text NOT NULL DEFAULT ''
    );
    CREATE TABLE davylamp.leases (
        name text PRIMARY KEY,
        holder text NOT NULL DEFAULT '',
        fence bigint NOT NULL DEFAULT 0,
        expires_at timestamptz NOT NULL DEFAULT '-infinity'
    );
    CREATE TABLE davylamp.dual_writes (
        id text PRIMARY KEY,
        revision text NOT NULL DEFAULT '',
        schema_name text NOT NULL,
        table_name text NOT NULL,
        key_column text NOT NULL,
        old_column text NOT NULL,
        new_column text NOT NULL,
        forward text NOT NULL,
        backward text NOT NULL,
        routine text NOT NULL,
        definition text NOT NULL,
        installed_at timestamptz NOT NULL DEFAULT clock_timestamp(),
        removed_at timestamptz
    );
    CREATE TABLE davylamp.backfills (
        id text PRIMARY KEY,
        state text NOT NULL
            CHECK (state IN ('running', 'paused', 'stopped', 'failed', 'verifying', 'done')),
        wanted text NOT NULL DEFAULT 'run' CHECK (wanted IN ('run', 'pause', 'stop')),
        reason text NOT NULL DEFAULT '',
        cursor text,
        upper text,
        pass int NOT NULL DEFAULT 1,
        rows_done bigint NOT NULL DEFAULT 0,
        rows_changed bigint NOT NULL DEFAULT 0,
        rows_estimated bigint NOT NULL DEFAULT 0,
        batches bigint NOT NULL DEFAULT 0,
        batch_rows int NOT NULL DEFAULT 0,
        rows_per_second double precision NOT NULL DEFAULT 0,
        fence bigint NOT NULL DEFAULT 0,
        started_at timestamptz NOT NULL DEFAULT clock_timestamp(),
        updated_at timestamptz NOT NULL DEFAULT clock_timestamp(),
        ended_at timestamptz
    ) WITH (fillfactor = 50);
    CREATE TABLE davylamp.quarantines (
        id text PRIMARY KEY,
        schema_name text NOT NULL,
        table_name text NOT NULL,
        column_name text NOT NULL,
        roles text[] NOT NULL,
        saved jsonb NOT NULL,
        state text NOT NULL CHECK (state IN ('open', 'given_back', 'passed', 'dropped')),
        reason text NOT NULL DEFAULT '',
        began_at timestamptz NOT NULL DEFAULT clock_timestamp(),
        until timestamptz NOT NULL,
        watched_until timestamptz NOT NULL,
        rollbacks_before bigint NOT NULL DEFAULT 0,
        ended_at timestamptz
    );
    """,
)
"""Each is run once, in its turn. Never edit one that was released: add another."""


def ensure_control(db: Db) -> None:
    """Make the control tables, or bring them up to date. Safe from several places at once."""
    if control_version(db) >= len(_VERSIONS):
        return
    # before the transaction: one that waited would go on with what it knew of the catalog before
    db.execute("SELECT pg_advisory_lock(hashtextextended('davylamp.control', 0))")
    try:
        _bring_up_to_date(db)
    finally:
        db.execute("SELECT pg_advisory_unlock(hashtextextended('davylamp.control', 0))")


def _bring_up_to_date(db: Db) -> None:
    with db.transaction():
        have = control_version(db)
        db.execute("CREATE SCHEMA IF NOT EXISTS davylamp")
        db.execute("CREATE TABLE IF NOT EXISTS davylamp.control (version int NOT NULL)")
        for version in _VERSIONS[have:]:
            db.execute(version.encode())
        db.execute("DELETE FROM davylamp.control")
        db.execute("INSERT INTO davylamp.control VALUES (%s)", [len(_VERSIONS)])


def control_version(db: Db) -> int:
    """0 when there are no control tables yet."""
    found = db.execute("SELECT to_regclass('davylamp.control') IS NOT NULL").fetchone()
    if not found or not found[0]:
        return 0
    version = db.execute("SELECT max(version) FROM davylamp.control").fetchone()
    return int(version[0] or 0) if version else 0


def note_step(db: Db, subject: str, event: str, detail: str = "") -> None:
    """Add a line to the log of steps."""
    db.execute(
        "INSERT INTO davylamp.steps (subject, event, detail) VALUES (%s, %s, %s)",
        [subject, event, detail[:2000]],
    )
