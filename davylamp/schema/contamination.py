"""Contamination: rows that hold what an older build can't read, looked for in the database.

Looked for before users go back to that build after a promotion or a switch, and after a canary
was taken back. The look is read-only and bounded in time, rows and cores.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

import psycopg
from psycopg import errors, sql

from davylamp.builds.contract import Contract
from davylamp.errors import DavylampError
from davylamp.schema.contaminated import Contamination, Limits, Since, Unread
from davylamp.schema.contamination_sql import (
    EVERY_ROW,
    Question,
    Window,
    changed_since,
    count_query,
    questions_of,
    sample_query,
    written_since,
)
from davylamp.schema.database import Db, TargetDatabase, apply_settings, first_line
from davylamp.schema.facts import column_of
from davylamp.schema.table_shape import TableShape, shape_of

_EXACT_TRANSACTIONS = 2_000_000_000
"""How far back a row's transaction number can be told from one that came round again."""


@dataclass(frozen=True)
class _Table:
    """What is to be asked of one table."""

    schema: str
    name: str
    questions: tuple[Question, ...]
    changed_at: str

    def __str__(self) -> str:
        return self.name if self.schema == "public" else f"{self.schema}.{self.name}"


def probe_contamination(
    database_url: str,
    writer: Contract,
    reader: Contract,
    since: Since | None = None,
    *,
    database: str,
    schema: str = "public",
    limits: Limits | None = None,
) -> Contamination:
    """Look for rows that `reader` declares not to be able to read.

    `writer` is the newer build: its contract, then the reader's, says which column holds when a
    row was last written. Rows count from `since` on; all of them without it. Never raises for
    what the database does: what can't be looked at is in `unknown`.
    """
    tables = _tables(writer, reader, database, schema)
    if not tables:
        return Contamination(database)
    bounds = limits or Limits()
    target = TargetDatabase(database_url, database)
    try:
        with target.connect("contamination") as db:
            _bound(db, bounds)
            deadline = time.monotonic() + bounds.total_seconds
            parts = [_look_until(db, one, since or Since(), bounds, deadline) for one in tables]
    except (DavylampError, psycopg.Error) as error:
        reason = f"{database} could not be looked at: {first_line(error)}"
        return Contamination(database, unknown=(reason,))
    return Contamination(
        database,
        tuple(found for part in parts for found in part.found),
        tuple(reason for part in parts for reason in part.unknown),
        {table: words for part in parts for table, words in part.looked_at.items()},
    )


def mark_of(database_url: str, database: str) -> int:
    """A number that all transactions from now on are beyond. Raises `Unreachable`."""
    with TargetDatabase(database_url, database).connect("mark") as db:
        row = db.execute("SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint").fetchone()
    return int(row[0]) if row else 0


def _tables(writer: Contract, reader: Contract, database: str, schema: str) -> list[_Table]:
    asked: list[Question] = []
    for name, shape in reader.readable().items():
        if reader.is_in(name, database):
            try:
                asked += questions_of(column_of(name, schema), shape)
            except ValueError:  # a domain of the old, free spelling is no column
                continue
    asked.sort(key=lambda question: question.column)
    return [
        _Table(where, table, tuple(group), _changed_at((writer, reader), database, where, table))
        for (where, table), group in groupby(asked, lambda q: (q.column.schema, q.column.table))
    ]


def _changed_at(contracts: Sequence[Contract], database: str, schema: str, table: str) -> str:
    for contract in contracts:
        wanted = contract.databases.get(database)
        for name in (f"{schema}.{table}", table) if wanted else ():
            if wanted and name in wanted.changed_at:
                return wanted.changed_at[name]
    return ""


def _bound(db: Db, limits: Limits) -> None:
    """The application comes first: no long statement, no waiting for locks, one core at most."""
    apply_settings(
        db,
        {
            "default_transaction_read_only": "on",
            "statement_timeout": f"{limits.statement_seconds * 1000:.0f}",
            "lock_timeout": "500",
            "max_parallel_workers_per_gather": "0",
        },
    )


def _look_until(
    db: Db, table: _Table, since: Since, limits: Limits, deadline: float
) -> Contamination:
    if time.monotonic() > deadline:
        reason = f"{table} was not looked at: {limits.total_seconds:g} s were over"
        return Contamination("", unknown=(reason,))
    try:
        return _look(db, table, since, limits)
    except (errors.QueryCanceled, errors.LockNotAvailable):
        reason = f"{table} could not be looked at within {limits.statement_seconds:g} s"
    except psycopg.Error as error:
        if db.closed:
            raise
        reason = f"{table} could not be looked at: {first_line(error)}"
    return Contamination("", unknown=(reason,))


def _look(db: Db, table: _Table, since: Since, limits: Limits) -> Contamination:
    shape = shape_of(db, table.schema, table.name)
    unknown = [f"{q.column} {why}" for q in table.questions if (why := _no_answer(q, shape))]
    asked = [q for q in table.questions if not _no_answer(q, shape)]
    if not asked:
        return Contamination("", unknown=tuple(dict.fromkeys(unknown)))
    window = _window(db, table, shape, since)
    relation = sql.Identifier(table.schema, table.name)
    counted = db.execute(count_query(relation, asked, window, limits.rows)).fetchone()
    total, *wrong = counted or (0, *(0 for _ in asked))
    is_part = total >= limits.rows
    if is_part:
        unknown.append(f"{table} has more rows that count than the {limits.rows} looked at")
    found = [
        Unread(str(q.column), q.why, rows, is_part, _samples(db, table, q, shape, window, limits))
        for q, rows in zip(asked, wrong, strict=True)
        if rows
    ]
    words = {str(table): f"{total} rows{window.words}"}
    return Contamination("", tuple(found), tuple(dict.fromkeys(unknown)), words)


def _no_answer(question: Question, shape: TableShape) -> str:
    """Why a question can't be asked; empty when it can."""
    kind = shape.columns.get(question.column.name)
    if kind is None:
        return "isn't there"
    if question.needs and kind != question.needs:
        return f"isn't {question.needs}, as the contract has it"
    return ""


def _window(db: Db, table: _Table, shape: TableShape, since: Since) -> Window:
    """The column of changes is fast with an index, and only as good as the application keeps it;
    a row's transaction is exact, and takes a scan. Without either all rows count."""
    named = shape.columns.get(table.changed_at) == "timestamptz"
    if since.at is not None and named:
        return changed_since(table.changed_at, since.at)
    if since.transaction is not None and shape.has_transactions:
        row = db.execute("SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint").fetchone()
        if row and 0 <= row[0] - since.transaction < _EXACT_TRANSACTIONS:
            return written_since(since.transaction)
    return EVERY_ROW


def _samples(
    db: Db, table: _Table, question: Question, shape: TableShape, window: Window, limits: Limits
) -> tuple[str, ...]:
    relation = sql.Identifier(table.schema, table.name)
    query = sample_query(relation, question, shape.key, window, limits.rows, limits.samples)
    names = shape.key
    return tuple(
        ", ".join(f"{name}={value}" for name, value in zip(names, row, strict=False))
        + (": " if names else "")
        + str(row[-1])
        for row in db.execute(query)
    )
