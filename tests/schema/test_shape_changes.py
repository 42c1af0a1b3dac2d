"""What a statement takes away and what it adds, under the names it had."""

from __future__ import annotations

import pytest

from davylamp.schema.shape_changes import Added, Dropped, adds_of, drops_of
from davylamp.schema.statements import Unparsable

DROPS = {
    'DROP TABLE IF EXISTS a.b, "C D" CASCADE': [
        Dropped("table", "a", "b", "b", cascade=True),
        Dropped("table", "public", "C D", "C D", cascade=True),
    ],
    'alter table x drop column if exists "É", drop constraint c, drop b cascade': [
        Dropped("column", "public", "É", "x", "É"),
        Dropped("constraint", "public", "c", "x"),
        Dropped("column", "public", "b", "x", "b", cascade=True),
    ],
    "DROP INDEX CONCURRENTLY s.i": [Dropped("index", "s", "i")],
    "DROP TYPE s.t": [Dropped("type", "s", "t")],
    "DROP DOMAIN d": [Dropped("domain", "public", "d")],
    "DROP VIEW v": [Dropped("view", "public", "v", "v")],
    "DROP MATERIALIZED VIEW v": [Dropped("matview", "public", "v", "v")],
    "DROP FUNCTION f(int), g": [
        Dropped("function", "public", "f"),
        Dropped("function", "public", "g"),
    ],
    "DROP TRIGGER t ON s.x": [Dropped("trigger", "s", "t", "x")],
    "DROP SCHEMA s": [Dropped("schema", "s", "s")],
    "DROP EXTENSION e": [Dropped("extension", "", "e")],
    "ALTER TABLE q DETACH PARTITION p CONCURRENTLY": [Dropped("partition", "public", "p", "q")],
    "ALTER TABLE ONLY s.x RENAME a TO b": [Dropped("column", "s", "a", "x", "a")],
    "ALTER TABLE x RENAME TO y": [Dropped("table", "public", "x", "x")],
    "ALTER TABLE x SET SCHEMA y": [Dropped("table", "public", "x", "x")],
    "ALTER TYPE t RENAME VALUE 'a' TO 'b'": [Dropped("value", "public", "a", "t")],
    "ALTER TABLE x RENAME CONSTRAINT a TO b": [Dropped("constraint", "public", "a", "x")],
    "CREATE TABLE t (a int); ALTER TABLE t ADD b int, ALTER b SET DEFAULT 1": [],
}


@pytest.mark.parametrize("sql", DROPS)
def test_what_is_taken_away_is_named(sql: str) -> None:
    assert list(drops_of(sql)) == DROPS[sql]


def test_what_is_added_is_named() -> None:
    sql = 'CREATE TABLE s.x (a int, "B" text); ALTER TABLE t ADD IF NOT EXISTS c int, ADD d int;'
    assert adds_of(sql) == (
        Added("s", "x"),
        Added("s", "x", "a"),
        Added("s", "x", "B"),
        Added("public", "t", "c"),
        Added("public", "t", "d"),
    )


def test_a_renamed_column_is_gone_and_there() -> None:
    sql = "ALTER TABLE t RENAME a TO b"
    assert drops_of(sql) == (Dropped("column", "public", "a", "t", "a"),)
    assert adds_of(sql) == (Added("public", "t", "b"),)


@pytest.mark.parametrize("read", [drops_of, adds_of])
def test_what_cannot_be_read_is_no_answer(read) -> None:
    with pytest.raises(Unparsable):
        read("DROP TABEL x")
