"""Dual write: one BEFORE trigger that keeps two columns equal, whoever writes either of them.

Whichever side changed wins. On INSERT the new side wins where it was given (a value other than
its default): only a build that knows it can have given it. On UPDATE a changed new side wins over
a changed old one for the same reason. Any other update of a row that isn't migrated yet migrates
it. A row whose sides agree never gets as far as the function, so the backfill's own writes don't.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

from psycopg import sql

from davylamp.schema.control import ensure_control, note_step
from davylamp.schema.database import Db, TargetDatabase, apply_settings, plain_sql
from davylamp.schema.dual_check import check_dual_write
from davylamp.schema.dual_names import Sides, id_of, routine_of, search_path_of, sides, table_of
from davylamp.schema.names import quoted
from davylamp.schema.patience import LockLimits, with_patience
from davylamp.schema.revision import DualWrite

_BODY = """
BEGIN
    IF TG_OP = 'INSERT' THEN
        IF {new_given} THEN
            IF {contradict} THEN {old} := {backward}; END IF;
        ELSIF {old} IS NOT NULL OR {new} IS NULL THEN
            {new} := {forward};
        ELSE
            {old} := {backward};
        END IF;
    ELSIF {new} IS DISTINCT FROM OLD.{new_name} THEN
        IF {differ} THEN {old} := {backward}; END IF;
    ELSIF {old} IS DISTINCT FROM OLD.{old_name} OR {contradict} THEN
        {new} := {forward};
    END IF;
    RETURN NEW;
END
"""
_INSTALLED = """
SELECT d.definition FROM davylamp.dual_writes d
JOIN pg_catalog.pg_trigger t ON t.tgname = d.routine AND t.tgenabled IN ('O', 'A')
WHERE d.id = %s AND d.removed_at IS NULL AND t.tgrelid = to_regclass(%s) AND NOT t.tgisinternal
"""
_RECORD = """
INSERT INTO davylamp.dual_writes (id, revision, schema_name, table_name, key_column, old_column,
    new_column, forward, backward, routine, definition)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
ON CONFLICT (id) DO UPDATE SET revision = excluded.revision, key_column = excluded.key_column,
    old_column = excluded.old_column, forward = excluded.forward, backward = excluded.backward,
    routine = excluded.routine, definition = excluded.definition,
    installed_at = clock_timestamp(), removed_at = NULL
"""


def install_dual_write(
    database: TargetDatabase,
    dual_write: DualWrite,
    limits: LockLimits | None = None,
    revision: str = "",
) -> bool:
    """Install it, or bring it up to date; False when it was there already.

    Waits for running writers (bounded, with retries), so that once it returns every write is
    mirrored. Dying here leaves either all of it or nothing.
    """
    with database.connect("dual write") as db:
        ensure_control(db)
        with db.transaction():
            if _definition(db, dual_write)[0]:
                return False
    return with_patience(
        database,
        "dual write",
        f"dual write {id_of(dual_write)}",
        limits or LockLimits(),
        lambda db: _install(db, dual_write, revision),
    )


def uninstall_dual_write(
    database: TargetDatabase, dual_write: DualWrite, limits: LockLimits | None = None
) -> None:
    """Remove it; fine when it is gone. Both columns stay as they are."""
    with database.connect("dual write") as db:
        ensure_control(db)
    with_patience(
        database,
        "dual write",
        f"dual write {id_of(dual_write)}",
        limits or LockLimits(),
        lambda db: remove_dual_write(db, dual_write),
    )


def remove_dual_write(db: Db, dual_write: DualWrite) -> None:
    """Remove it within the caller's transaction, which holds the table until it ends."""
    routine = sql.Identifier(routine_of(dual_write))
    there = db.execute("SELECT to_regclass(%s) IS NOT NULL", [_regclass(dual_write)]).fetchone()
    if there and there[0]:
        db.execute(sql.SQL("DROP TRIGGER IF EXISTS {} ON {}").format(routine, table_of(dual_write)))
    db.execute(sql.SQL("DROP FUNCTION IF EXISTS davylamp.{}()").format(routine))
    db.execute(
        "UPDATE davylamp.dual_writes SET removed_at = clock_timestamp() "
        "WHERE id = %s AND removed_at IS NULL",
        [id_of(dual_write)],
    )
    note_step(db, id_of(dual_write), "dual write removed")


def installed_dual_writes(db: Db) -> tuple[DualWrite, ...]:
    """Those that are in place, as the control table has them."""
    rows: Iterable[tuple[str, ...]] = db.execute(
        "SELECT table_name, old_column, new_column, key_column, schema_name, forward, backward "
        "FROM davylamp.dual_writes WHERE removed_at IS NULL ORDER BY id"
    )
    return tuple(DualWrite(*row) for row in rows)


def _install(db: Db, dual_write: DualWrite, revision: str) -> bool:
    here, definition, body, when = _definition(db, dual_write)
    if here:
        return False
    routine = routine_of(dual_write)
    name, table = sql.Identifier(routine), table_of(dual_write)
    db.execute(
        sql.SQL(
            "CREATE OR REPLACE FUNCTION davylamp.{}() RETURNS trigger LANGUAGE plpgsql "
            "SET search_path = {} AS {}"
        ).format(name, plain_sql(search_path_of(dual_write)), sql.Literal(body))
    )
    db.execute(sql.SQL("DROP TRIGGER IF EXISTS {} ON {}").format(name, table))
    db.execute(
        sql.SQL(
            "CREATE TRIGGER {} BEFORE INSERT OR UPDATE ON {} FOR EACH ROW WHEN ({}) "
            "EXECUTE FUNCTION davylamp.{}()"
        ).format(name, table, when, name)
    )
    d = dual_write
    db.execute(
        _RECORD,
        [
            *(id_of(d), revision, d.schema, d.table, d.key, d.old, d.new),
            *(d.forward, d.backward, routine, definition),
        ],
    )
    note_step(db, id_of(dual_write), "dual write installed", routine)
    return True


def _definition(db: Db, dual_write: DualWrite) -> tuple[bool, str, str, sql.Composed]:
    """Is exactly this in place; its hash, function body and condition."""
    apply_settings(db, {"search_path": search_path_of(dual_write)}, local=True)
    default = check_dual_write(db, dual_write)
    new = sides(db, dual_write, "NEW")
    body = _body(db, new, default)
    when = new.differ
    whole = body + when.as_string(db) + search_path_of(dual_write)
    definition = hashlib.sha256(whole.encode()).hexdigest()
    found = db.execute(_INSTALLED, [id_of(dual_write), _regclass(dual_write)]).fetchone()
    return bool(found and found[0] == definition), definition, body, when


def _body(db: Db, new: Sides, default: str | None) -> str:
    given = sql.SQL("{} IS NOT NULL").format(new.new)
    if default is not None:
        given = sql.SQL("{} AND {} IS DISTINCT FROM ({})::{}").format(
            given, new.new, plain_sql(default), new.new_type
        )
    parts = {
        "new_given": given,
        "contradict": new.contradict,
        "differ": new.differ,
        "old": new.old,
        "new": new.new,
        "forward": new.forward,
        "backward": new.backward,
        "old_name": sql.Identifier(new.dual_write.old),
        "new_name": sql.Identifier(new.dual_write.new),
    }
    return sql.SQL(_BODY).format(**parts).as_string(db)


def _regclass(dual_write: DualWrite) -> str:
    return quoted(dual_write.schema, dual_write.table)
