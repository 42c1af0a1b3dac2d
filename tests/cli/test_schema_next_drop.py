"""`davylamp schema status` says which drop is next, and everybody who is against it."""

from __future__ import annotations

from pathlib import Path

import pytest

from davylamp.cli.schema_next_drop import NextDrop, next_drop

DROP = NextDrop("orders", "0004", False, "the first of them", ("one needs it", "two needs it"))


def test_everybody_who_is_against_it_is_named() -> None:
    assert DROP.line == "next drop: 0004 waits: one needs it; two needs it"


def test_what_did_not_answer_is_said_where_nobody_is_against_it() -> None:
    assert NextDrop("orders", "", False, "no answer").line.endswith("waits: no answer")


def test_a_drop_that_may_run_comes_with_its_command() -> None:
    line = NextDrop("orders", "0004", True, "nobody needs it").line
    assert "`davylamp schema contract orders`" in line


def test_without_a_ledger_there_is_nothing_to_say(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DAVYLAMP_HOME", str(tmp_path))
    assert next_drop("shop") is None
