"""squawk beside our own rules: one run for many files, and none is missed when it can't run."""

from __future__ import annotations

from pathlib import Path

import pytest

from davylamp.schema.phases import Phase
from davylamp.schema.squawk import Text, squawk


def test_findings_of_many_files_stand_at_their_lines() -> None:
    texts = [
        Text("a.sql", "SELECT 1;\n\nCREATE TABLE t (at timestamp);"),
        Text("é b.py", "CREATE TABLE t (c char(2));", lines=(12,)),
        Text("fine.sql", "SELECT 1"),
    ]
    found = {(one.file, one.line, one.rule) for one in squawk(texts)}
    assert found == {
        ("a.sql", 3, "squawk/prefer-timestamp-tz"),
        ("é b.py", 12, "squawk/ban-char-field"),
    }
    assert all(one.phase is Phase.NONE for one in squawk(texts))


def test_it_never_asks_for_what_we_refuse() -> None:
    texts = [Text("a.sql", "ALTER TABLE t ADD COLUMN a text; selct;")]
    assert not {one.rule for one in squawk(texts)} & {
        "squawk/require-lock-timeout",
        "squawk/prefer-robust-stmts",
        "squawk/syntax-error",
    }


def test_nothing_to_look_at_finds_nothing() -> None:
    assert squawk([]) == ()


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (None, "cannot be run"),
        ("exit 3", "ended with 3"),
        ("echo oops; echo why >&2; exit 1", "why"),
        ("echo '{}'", "isn't a list"),
        ("kill -SEGV $$", "ended with -11"),
    ],
)
def test_a_squawk_that_does_not_work_is_one_finding(
    tmp_path: Path, body: str | None, says: str
) -> None:
    binary = tmp_path / "squawk"
    if body is not None:
        binary.write_text(f"#!/bin/sh\n{body}\n")
        binary.chmod(0o755)
    (found,) = squawk([Text("a.sql", "SELECT 1")], binary)
    assert found.rule == "squawk-unusable"
    assert found.phase is Phase.NONE
    assert says in found.message
