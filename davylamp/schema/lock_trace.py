"""What a statement really does: run on a scratch database, watched, and rolled back."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace

import psycopg
from pglast.ast import CopyStmt, SelectStmt
from psycopg import sql
from psycopg.conninfo import make_conninfo
from psycopg.rows import class_row

from davylamp.errors import Unreachable
from davylamp.schema.lint.all_rules import BY_KIND
from davylamp.schema.lint.folder import Source
from davylamp.schema.lint.rules import run_time, session
from davylamp.schema.statement_kinds import is_concurrent
from davylamp.schema.statements import Statement, Unparsable, split

_NEVER_RUN = frozenset(
    (
        SelectStmt,
        CopyStmt,
        *(kind for one in (*run_time.RULES, *session.RULES) for kind in one.kinds),
    )
)
"""They may act outside of the database, or end the transaction that is to be rolled back."""
_TIMEOUT = "SET statement_timeout = '60s'"
_RELATIONS = """
SELECT c.oid::int, c.oid::regclass::text AS name, c.relkind::text AS kind, c.relfilenode::int,
       coalesce(s.seq_scan, 0)::int AS scans
FROM pg_class c
JOIN pg_namespace n ON n.oid = c.relnamespace
LEFT JOIN pg_stat_xact_all_tables s ON s.relid = c.oid
WHERE n.nspname NOT LIKE 'pg\\_%' AND n.nspname <> 'information_schema'
"""
_LOCKS = "SELECT relation::int, mode FROM pg_locks WHERE pid = pg_backend_pid() AND granted"


@dataclass(frozen=True)
class Seen:
    """What a statement did to what was there before it."""

    locks: tuple[tuple[str, str], ...] = ()
    """(relation, mode), modes as PostgreSQL's manual names them, e.g. ACCESS EXCLUSIVE."""
    rewrites: tuple[str, ...] = ()
    """Tables and indexes written anew."""
    scans: tuple[str, ...] = ()
    """Tables read from end to end."""


@dataclass(frozen=True)
class Trace:
    """One statement of a file, and what was seen of it."""

    file: str
    line: int
    statement: str
    seen: Seen = Seen()
    note: str = ""
    """Why it wasn't traced, or the error it ended with."""


@dataclass(frozen=True)
class _Relation:
    oid: int
    name: str
    kind: str
    relfilenode: int
    scans: int


def trace(url: str, sources: Sequence[Source]) -> tuple[Trace, ...]:
    """Trace the statements of some files, in order, each on what those before it left.

    `url` names a database; the work is done in a copy of it that is dropped at the end, so it
    needs the right to create databases, and nobody else connected to it. `Unreachable` when
    there is no such database.
    """
    with _scratch(url) as database, _connected(database) as db:
        db.execute(_TIMEOUT)
        return tuple(one for source in sources for one in _trace_file(db, source))


def _trace_file(db: psycopg.Connection, source: Source) -> Iterator[Trace]:
    try:
        statements = split(source.sql)
    except Unparsable as error:
        yield Trace(source.file, error.line, error.near, note=f"can't be read: {error.reason}")
        return
    for one in statements:
        line = source.lines[one.line - 1] if one.line <= len(source.lines) else one.line
        yield _trace_statement(db, one, Trace(source.file, line, one.sql))


def _trace_statement(db: psycopg.Connection, statement: Statement, place: Trace) -> Trace:
    kind = type(statement.node)
    if kind in _NEVER_RUN or (kind not in BY_KIND and kind.__name__ != "AlterTableStmt"):
        return _noted(place, "not run: what it does outside of the scratch database isn't known")
    try:
        if is_concurrent(statement):
            db.execute(statement.sql.encode())
            return _noted(place, "not traced: it runs outside of a transaction")
        seen = watch(db, statement.sql)
        db.execute(statement.sql.encode())
    except psycopg.Error as error:
        said = " ".join(str(error).split())
        return _noted(place, f"failed: {said}")
    return replace(place, seen=seen)


def watch(db: psycopg.Connection, text: str) -> Seen:
    """Run SQL in a transaction, note what it does, and roll it back. `db` is in autocommit."""
    with db.transaction(force_rollback=True):
        before, held = _relations(db), _locks(db)
        db.execute(text.encode())
        after, taken = _relations(db), _locks(db) - held
    return Seen(
        locks=tuple(sorted((before[oid].name, mode) for oid, mode in taken if oid in before)),
        rewrites=_names(before, after, lambda old, new: old.relfilenode != new.relfilenode),
        scans=_names(before, after, lambda old, new: new.scans > old.scans),
    )


def _names(
    before: Mapping[int, _Relation],
    after: Mapping[int, _Relation],
    has_changed: Callable[[_Relation, _Relation], bool],
) -> tuple[str, ...]:
    both = before.keys() & after.keys()
    return tuple(sorted(before[oid].name for oid in both if has_changed(before[oid], after[oid])))


def _relations(db: psycopg.Connection) -> dict[int, _Relation]:
    with db.cursor(row_factory=class_row(_Relation)) as cursor:
        return {one.oid: one for one in cursor.execute(_RELATIONS)}


def _locks(db: psycopg.Connection) -> set[tuple[int, str]]:
    return {(oid, _spelled(mode)) for oid, mode in db.execute(_LOCKS) if oid is not None}


def _spelled(mode: str) -> str:
    """AccessExclusiveLock → ACCESS EXCLUSIVE."""
    spaced = "".join(f" {one}" if one.isupper() else one for one in mode.removesuffix("Lock"))
    return spaced.strip().upper()


def _noted(place: Trace, note: str) -> Trace:
    return replace(place, note=note)


@contextmanager
def _scratch(url: str) -> Generator[str]:
    """A copy of the database for a while."""
    plain = url.replace("postgresql+psycopg://", "postgresql://")
    name = f"davylamp_trace_{secrets.token_hex(6)}"
    with _connected(plain) as db:
        template = sql.Identifier(db.info.dbname)
        made = sql.Identifier(name)
        try:
            db.execute(sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(made, template))
        except psycopg.Error as error:
            raise Unreachable(
                f"no copy of database {db.info.dbname} can be made for the trace "
                f"({' '.join(str(error).split())}); end other connections to it, or name another"
            ) from error
        try:
            yield make_conninfo(plain, dbname=name)
        finally:
            db.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(made))


@contextmanager
def _connected(url: str) -> Generator[psycopg.Connection]:
    try:
        db = psycopg.connect(url, autocommit=True, connect_timeout=10)
    except psycopg.Error as error:
        raise Unreachable(
            f"the database to trace on can't be reached ({' '.join(str(error).split())})"
        ) from error
    with db:
        yield db
