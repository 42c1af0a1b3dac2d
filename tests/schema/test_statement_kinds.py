"""Which statements need a transaction of their own, and which can't have one."""

from __future__ import annotations

import pytest

from davylamp.schema.names import LONGEST_BYTES, made_up, quoted
from davylamp.schema.statement_kinds import is_concurrent, needs_own_transaction
from davylamp.schema.statements import split


@pytest.mark.parametrize(
    "sql",
    [
        "CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS i ON x (a)",
        "DROP INDEX CONCURRENTLY i",
        "REINDEX (CONCURRENTLY) INDEX x",
        "REINDEX TABLE CONCURRENTLY x",
        "ALTER TABLE q DETACH PARTITION p CONCURRENTLY",
    ],
)
def test_concurrent_statements_run_outside_a_transaction(sql: str) -> None:
    (one,) = split(sql)
    assert is_concurrent(one)
    assert needs_own_transaction(one)


@pytest.mark.parametrize(
    "sql", ["ALTER TABLE x VALIDATE CONSTRAINT c", "ALTER TYPE t ADD VALUE 'a'"]
)
def test_what_takes_long_or_counts_only_afterwards_has_its_own(sql: str) -> None:
    (one,) = split(sql)
    assert not is_concurrent(one)
    assert needs_own_transaction(one)


@pytest.mark.parametrize(
    "sql",
    [
        "CREATE INDEX ON x (a)",
        "REINDEX (CONCURRENTLY off) INDEX x",
        "ALTER TABLE q DETACH PARTITION p",
        "ALTER TABLE x ADD c int",
    ],
)
def test_all_others_may_share_one(sql: str) -> None:
    (one,) = split(sql)
    assert not is_concurrent(one)
    assert not needs_own_transaction(one)


@pytest.mark.parametrize("name", ["a b", "Table", 'with "quotes"', "select", "é", "é" * 31, "1st"])
def test_names_are_written_so_that_the_parser_reads_them_back(name: str) -> None:
    (one,) = split(f"SELECT 1 FROM {quoted('s', name)}")
    relation = one.node.fromClause[0]  # pyright: ignore[reportAttributeAccessIssue]
    assert (relation.schemaname, relation.relname) == ("s", name)


def test_a_name_made_of_long_names_fits_and_stays_its_own() -> None:
    made = {made_up("é" * 30, column, "not_null") for column in ("a", "b" * 63)}
    assert len(made) == 2
    assert all(len(name.encode()) <= LONGEST_BYTES for name in made)
    assert all(name.endswith("not_null") for name in made)
