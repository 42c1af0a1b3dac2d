"""Each verdict against a real PostgreSQL: what locks, what rewrites, what scans."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from threading import Thread

import psycopg
import pytest

from davylamp.schema.lint.context import Context
from davylamp.schema.lint.lint import lint_sql
from davylamp.schema.lock_trace import Seen, watch
from davylamp.schema.phases import Phase
from davylamp.schema.statement_kinds import is_concurrent
from davylamp.schema.statements import split
from tests.schema.lint import table

pytestmark = pytest.mark.server

HARMLESS = {"ACCESS SHARE", "ROW SHARE", "ROW EXCLUSIVE", "SHARE UPDATE EXCLUSIVE"}
"""They stop neither reads nor writes."""
TABLES = Path(__file__).with_name("tables.sql").read_text()


@pytest.fixture(scope="module")
def url(postgres_server: str) -> Iterator[str]:
    plain = postgres_server.replace("postgresql+psycopg://", "postgresql://")
    name = f"lint_{uuid.uuid4().hex[:12]}"
    with psycopg.connect(plain, autocommit=True) as db:
        db.execute(f'CREATE DATABASE "{name}"')
        made = psycopg.conninfo.make_conninfo(plain, dbname=name)
        with psycopg.connect(made, autocommit=True) as tables:
            tables.execute(TABLES.encode())
        yield made
        db.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


@pytest.fixture(scope="module")
def db(url: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(url, autocommit=True) as found:
        yield found


def flat(rows: dict[str, list[str]], without: tuple[str, ...] = ()) -> list[str]:
    found = [sql for name, row in rows.items() if name not in without for sql in row]
    return [sql for sql in found if not any(is_concurrent(one) for one in split(sql))]


def stopped(seen: Seen) -> dict[str, set[str]]:
    """Relation → locks on it that stop reads or writes."""
    found: dict[str, set[str]] = {}
    for relation, mode in seen.locks:
        refreshed = relation == "totals" and mode == "EXCLUSIVE"  # nobody writes to a view
        if mode not in HARMLESS and not refreshed:
            found.setdefault(relation, set()).add(mode)
    return found


@pytest.mark.parametrize("sql", flat(table.EXPAND) + flat(table.MIGRATE))
def test_nothing_is_rewritten_or_scanned_under_a_lock(db: psycopg.Connection, sql: str) -> None:
    seen = watch(db, sql)
    assert not seen.rewrites
    assert not set(seen.scans) & stopped(seen).keys()


@pytest.mark.parametrize("sql", flat(table.CONTRACT))
def test_dropping_rewrites_and_scans_nothing(db: psycopg.Connection, sql: str) -> None:
    seen = watch(db, sql)
    assert not seen.rewrites
    assert not seen.scans


REWRITES = (
    "add-column-volatile-default",
    "add-column-serial",
    "add-column-identity",
    "add-column-generated-stored",
    "add-column-domain",
    "rewrites-table",
    "truncate",
)
SCANS = (
    "add-column-check",
    "add-foreign-key",
    "add-check",
    "add-unique",
    "add-primary-key",
    "add-exclusion",
    "create-index",
    "attach-partition",
    "create-partition",
    "alter-domain",
    "validate-domain",
)
HARMLESS_AFTER_ALL = {
    # In truth the catalog alone changes.
    "ALTER TABLE orders SET TABLESPACE pg_default",
}


@pytest.mark.parametrize(
    "sql",
    [one for rule in REWRITES for one in table.REFUSED[rule] if one not in HARMLESS_AFTER_ALL],
)
def test_what_is_refused_as_rewriting_rewrites(db: psycopg.Connection, sql: str) -> None:
    seen = watch(db, sql)
    assert set(seen.rewrites) & stopped(seen).keys()


@pytest.mark.parametrize("sql", flat({rule: table.REFUSED[rule] for rule in SCANS}))
def test_what_is_refused_as_scanning_scans_under_a_lock(db: psycopg.Connection, sql: str) -> None:
    seen = watch(db, sql)
    assert set(seen.scans) & stopped(seen).keys()


KINDS = [
    *("varchar(5)", "varchar(9)", "varchar(3)", "varchar", "text", 'text COLLATE "C"', "char(9)"),
    *("numeric(12,2)", "numeric", "numeric(12,3)", "numeric(9,2)", "bigint"),
]


@pytest.mark.parametrize("column", ["short", "price", "checked", "indexed", "state", "total"])
@pytest.mark.parametrize("kind", KINDS)
def test_a_type_is_widened_only_where_nothing_is_touched(
    db: psycopg.Connection, column: str, kind: str
) -> None:
    context = Context()
    lint_sql(TABLES, context=context)
    sql = f"ALTER TABLE orders ALTER COLUMN {column} TYPE {kind}"
    try:
        seen = watch(db, sql)
    except psycopg.Error:
        return  # PostgreSQL does not convert these at all
    if lint_sql(sql, context=context).phase is Phase.EXPAND:
        assert not seen.rewrites
        assert not seen.scans


def test_types_are_widened_where_they_are_known(db: psycopg.Connection) -> None:
    context = Context()
    lint_sql(TABLES, context=context)
    for sql in (
        "ALTER TABLE orders ALTER short TYPE varchar(9)",
        "ALTER TABLE orders ALTER price TYPE numeric(12, 2), ALTER short TYPE text",
    ):
        assert lint_sql(sql, context=context).phase is Phase.EXPAND


def test_set_not_null_scans_unless_a_check_proves_it(db: psycopg.Connection) -> None:
    assert watch(db, "ALTER TABLE orders ALTER total SET NOT NULL").scans == ("orders",)
    assert not watch(db, "ALTER TABLE orders ALTER known SET NOT NULL").scans
    assert watch(db, "ALTER TABLE orders ADD CONSTRAINT n NOT NULL total").scans == ("orders",)


@pytest.mark.parametrize(
    "sql",
    [
        "CREATE INDEX CONCURRENTLY seen_idx ON orders (cart)",
        "REINDEX INDEX CONCURRENTLY orders_state_idx",
    ],
)
def test_concurrently_stops_neither_reads_nor_writes(
    url: str, db: psycopg.Connection, sql: str
) -> None:
    """Seen while it waits for an older transaction to end."""
    with psycopg.connect(url) as writer, psycopg.connect(url, autocommit=True) as builder:
        writer.execute("UPDATE orders SET state = 'y' WHERE id = 1")
        pid = builder.info.backend_pid
        thread = Thread(target=builder.execute, args=(sql.encode(),))
        thread.start()
        try:
            modes = _modes_while_it_waits(db, pid)
        finally:
            writer.rollback()
            thread.join(30)
    assert modes == {"ShareUpdateExclusiveLock"}


def _modes_while_it_waits(db: psycopg.Connection, pid: int) -> set[str]:
    until = time.monotonic() + 30
    while time.monotonic() < until:
        waits = db.execute("SELECT 1 FROM pg_locks WHERE pid = %s AND NOT granted", [pid])
        if waits.fetchone():
            found = db.execute(
                "SELECT mode FROM pg_locks WHERE pid = %s AND relation = 'orders'::regclass", [pid]
            )
            return {mode for (mode,) in found}
        time.sleep(0.01)
    raise AssertionError("it never came to wait")


@pytest.mark.parametrize(
    "sql",
    sorted(
        {
            finding.advice
            for row in table.REFUSED.values()
            for one in row
            for finding in lint_sql(one).findings
            if "add-column" in finding.rule or finding.rule in {"add-check", "add-foreign-key"}
        }
    ),
)
def test_advice_runs_as_it_is_written(url: str, sql: str) -> None:
    """But for rows the backfill would have filled in: NOT NULL needs them."""
    with psycopg.connect(url) as db:
        for statement in split(sql):
            if is_concurrent(statement):
                text = statement.sql.replace("CONCURRENTLY ", "")
            else:
                text = statement.sql
            try:
                db.execute(text.encode())
            except (psycopg.errors.CheckViolation, psycopg.errors.NotNullViolation):
                break
            except psycopg.errors.UniqueViolation:
                break  # the default, in every row
        db.rollback()
