"""Splitting a text into statements: places, comments, and text that would break a parser."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from davylamp.schema.statements import LARGEST_CHARACTERS, Unparsable, split


def test_statements_stand_with_their_lines_and_without_comments_before_them() -> None:
    text = "-- é\nCREATE TABLE \"té\" (a int);\n\n/* y */ SELECT 'é;' ;;\n"
    assert [(one.sql, one.line) for one in split(text)] == [
        ('CREATE TABLE "té" (a int)', 2),
        ("SELECT 'é;'", 4),
    ]


def test_nothing_is_no_statement() -> None:
    assert split("") == split(" ;; -- only a comment") == ()


def test_a_body_in_dollars_stays_whole() -> None:
    text = "CREATE FUNCTION f() RETURNS int LANGUAGE sql AS $x$ SELECT 1; SELECT 2; $x$; SELECT 3"
    assert [one.sql for one in split(text)][1] == "SELECT 3"


def test_what_cannot_be_read_is_said_with_its_line() -> None:
    with pytest.raises(Unparsable, match='line 3: syntax error at or near "selct"') as caught:
        split("SELECT 1;\n\nselct 2;\n")
    assert caught.value.near == "selct 2;"


def test_an_unfinished_statement_is_missing_its_end() -> None:
    with pytest.raises(Unparsable, match="line 2"):
        split("CREATE TABLE t (\n  a int")


@pytest.mark.parametrize("text", ["SELECT 1;\0DROP TABLE t", "SELECT '\ud800'"])
def test_text_that_a_parser_would_cut_short_is_not_read(text: str) -> None:
    with pytest.raises(Unparsable, match="cannot stand in SQL"):
        split(text)


@pytest.mark.parametrize(
    "text",
    [
        "SELECT 1" + "+1" * 40_000,
        "SELECT 1" + " UNION SELECT 1" * 30_000,
        "SELECT 1 FROM a" + " CROSS JOIN a" * 30_000,
    ],
)
def test_deep_nesting_does_not_end_the_process(text: str) -> None:
    assert len(split(text)) == 1


def test_a_text_too_large_is_refused() -> None:
    with pytest.raises(Unparsable, match="at most"):
        split(" " * (LARGEST_CHARACTERS + 1))


@given(st.text(max_size=200))
def test_any_text_is_split_or_unparsable(text: str) -> None:
    try:
        found = split(text)
    except Unparsable:
        return
    assert all(one.sql for one in found)
