"""`davylamp judge plan`: a document, a table, a picture, and what is wrong with the question."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from davylamp.cli.judge import app
from davylamp.errors import BadInput

QUESTION = ["--base-error-rate", "0.001", "--detect-error-rate", "0.2"]
QUICK = ["--window-seconds", "120", "--release-seconds", "120"]
FIELDS = {
    "rps",
    "base_error_rate",
    "detect_error_rate",
    "window_seconds",
    "strategy",
    "fraction",
    "seconds_to_detect",
    "seconds_to_promote",
    "detectable_error_rate",
    "fractions",
    "advice",
}
FRACTION_FIELDS = {
    "fraction",
    "canary_rps",
    "seconds_to_detect_p50",
    "seconds_to_detect_p95",
    "seconds_to_promote",
    "detects_within_window",
    "promotes_within_window",
}


def ask(*arguments: str) -> str:
    result = CliRunner().invoke(app, ["plan", *arguments], catch_exceptions=False)
    assert result.exit_code == 0
    return result.stdout


def document(*arguments: str) -> dict[str, Any]:
    return json.loads(ask(*arguments, "--json"))


def test_the_document_has_the_promised_fields() -> None:
    found = document("--rps", "5000", *QUESTION, *QUICK)
    assert set(found) >= FIELDS
    assert [row["fraction"] for row in found["fractions"]] == [0.01, 0.05, 0.1, 0.25, 0.5]
    assert all(set(row) >= FRACTION_FIELDS for row in found["fractions"])
    assert found["rps"] == 5000
    assert found["window_seconds"] == 120
    assert found["strategy"] == "canary"
    chosen = next(r for r in found["fractions"] if r["fraction"] == found["fraction"])
    assert chosen["detects_within_window"]
    assert chosen["promotes_within_window"]
    assert found["seconds_to_detect"] == chosen["seconds_to_detect_p95"] <= 30
    assert found["seconds_to_promote"] == chosen["seconds_to_promote"] <= 120
    assert found["detectable_error_rate"] < 0.2


def test_what_never_happens_is_null() -> None:
    found = document("--rps", "0.01", *QUESTION, *QUICK)
    assert found["strategy"] == "blue_green"
    for field in ("fraction", "seconds_to_detect", "seconds_to_promote", "detectable_error_rate"):
        assert found[field] is None
    assert all(row["seconds_to_detect_p95"] is None for row in found["fractions"])
    assert not any(row["detects_within_window"] for row in found["fractions"])


def test_people_get_a_table_and_a_picture(tmp_path: Path) -> None:
    picture = tmp_path / "plan.png"
    said = ask("--rps", "5000", *QUESTION, *QUICK, "--latency-factor", "3", "--plot", str(picture))
    assert "canary: " in said
    assert "rolled back within" in said
    assert "50 %" in said
    assert "latency × 3" in said
    assert picture.read_bytes().startswith(b"\x89PNG")


def test_the_hours_of_the_week_that_suffice_are_listed(tmp_path: Path) -> None:
    week: list[float | None] = [0.5] * 168
    week[9:17] = [5000.0] * 8
    week[20] = None
    file = tmp_path / "week.json"
    file.write_text(json.dumps(week))
    found = document("--rps", "5000", "--rps-by-hour", str(file), *QUESTION, *QUICK)
    assert [h["hour"] for h in found["hours"] if h["suffices"]] == list(range(9, 17))
    assert found["hours"][9]["name"] == "Monday 09:00"
    assert found["hours"][20]["rps"] is None
    said = ask("--rps-by-hour", str(file), *QUESTION, *QUICK)
    assert "8 of 168 hours" in said
    assert "Sunday" in said


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--rps", "0", *QUESTION], "--rps must be above 0"),
        (["--rps", "nan", *QUESTION], "--rps must be above 0"),
        (QUESTION, "--rps is missing"),
        (
            ["--rps", "10", "--base-error-rate", "0.2", "--detect-error-rate", "0.1"],
            "--detect-error-rate must be above the base error rate of 0.2",
        ),
        (
            ["--rps", "10", "--base-error-rate", "0", "--detect-error-rate", "0.1"],
            "--base-error-rate must lie between 0 and 1",
        ),
        (
            ["--rps", "10", "--base-error-rate", "0.1", "--detect-error-rate", "5"],
            "--detect-error-rate must lie between 0 and 1",
        ),
        (["--rps", "10", *QUESTION, "--window-seconds", "0"], "--window-seconds must"),
        (["--rps", "10", *QUESTION, "--latency-factor", "0.5"], "--latency-factor must"),
        (["--rps", "10", *QUESTION, "--plot", "/nowhere/at/all.png"], "--plot /nowhere"),
        (["--rps-by-hour", "nowhere.json", *QUESTION], "cannot be read"),
    ],
)
def test_a_wrong_question_is_said_to_be_wrong(arguments: list[str], says: str) -> None:
    with pytest.raises(BadInput) as refused:
        ask(*arguments)
    assert says in str(refused.value)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("[1, 2", "not JSON"),
        ('{"monday": 3}', "not a list"),
        ("[1, 2, 3]", "a list of 3"),
        (json.dumps([1] * 167 + ["many"]), '[167] is "many"'),
        (json.dumps([1] * 100 + [-1] + [1] * 67), "[100] is -1"),
        (json.dumps([True] + [1] * 167), "[0] is true"),
        ("[" + "NaN, " * 167 + "1]", "[0] is NaN"),
        (json.dumps([0] * 168), "no hour has any traffic"),
    ],
)
def test_a_wrong_week_is_said_to_be_wrong(tmp_path: Path, content: str, says: str) -> None:
    file = tmp_path / "week.json"
    file.write_text(content)
    with pytest.raises(BadInput) as refused:
        ask("--rps-by-hour", str(file), *QUESTION)
    assert says in str(refused.value)
    assert str(file) in str(refused.value)


def test_bad_input_ends_with_exit_code_two() -> None:
    command = [sys.executable, "-m", "davylamp.cli.main", "judge", "plan", "--rps", "-3", *QUESTION]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ended.returncode == 2
    assert "--rps must be above 0" in ended.stderr
    assert ended.stdout == ""
