"""`davylamp report`: pages and lists, against a real ledger."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from davylamp.cli.main import make_app
from davylamp.errors import BadInput, Unreachable
from davylamp.ledger.session import Ledger
from tests.report.past import promoted, rolled_back

pytestmark = pytest.mark.server
Run = Callable[..., Result]


@pytest.fixture
def run(postgres_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.setenv("DAVYLAMP_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("DAVYLAMP_CATALOG", str(tmp_path))
    monkeypatch.setenv("DAVYLAMP_LEDGER_URL", postgres_url)
    return lambda *words: CliRunner().invoke(make_app(words[0]), list(words))


def test_a_release_is_written_under_home_and_its_path_printed(
    ledger: Ledger, run: Run, tmp_path: Path
) -> None:
    number = rolled_back(ledger, "1.1.0")
    done = run("report", "release", str(number))
    file = tmp_path / "home" / "reports" / f"release-{number}.html"
    assert (done.exit_code, done.stdout.strip()) == (0, str(file))
    assert file.read_text(encoding="utf-8").startswith("<!doctype html>")


def test_a_release_as_json_is_one_document(ledger: Ledger, run: Run, tmp_path: Path) -> None:
    number = rolled_back(ledger, "1.1.0")
    found = json.loads(
        run("report", "release", str(number), "--out", str(tmp_path / "x.html"), "--json").stdout
    )
    assert found["release"]["state"] == "rolled_back"
    assert found["file"] == str(tmp_path / "x.html")
    assert found["cost"]["candidate_failed"] == 63
    assert found["events"][0]["kind"] == "opened"


def test_the_fleet_is_written_and_told(ledger: Ledger, run: Run, tmp_path: Path) -> None:
    promoted(ledger, "1.0.0")
    assert run("report", "fleet").stdout.strip() == str(tmp_path / "home/reports/fleet.html")
    found = json.loads(run("report", "fleet", "--days", "7", "--json").stdout)
    assert [one["name"] for one in found["services"]] == ["checkout"]
    assert found["dora"]["deployments"] == 1


def test_the_history_lists_the_newest_first_with_doras_figures(ledger: Ledger, run: Run) -> None:
    promoted(ledger, "1.0.0")
    number = rolled_back(ledger, "1.1.0", "[b]requests failed[/b]")
    run("report", "release", str(number))
    found = json.loads(run("report", "history", "--json").stdout)
    assert [one["version"] for one in found["releases"]] == ["1.1.0", "1.0.0"]
    assert found["releases"][0]["harmed_requests"] == 63
    assert found["releases"][0]["page"].endswith(f"release-{number}.html")
    assert found["releases"][1]["page"] is None
    assert found["outcomes"]["rolled_back"] == 1
    assert found["dora"]["change_fail_rate"] == 0.5
    said = run("report", "history", "--service", "checkout", "--limit", "1").stdout
    assert "[b]requests failed[/b]" in said
    assert "change fail rate: 50 %" in said
    assert "1.0.0" not in said


def test_status_says_where_the_pages_are(ledger: Ledger, run: Run) -> None:
    number = rolled_back(ledger, "1.1.0")
    run("report", "release", str(number))
    assert f"release {number} of checkout: file:///" in run("status").stdout
    found = json.loads(run("status", "--json").stdout)
    assert found["releases"][0]["page"].endswith(f"release-{number}.html")


@pytest.mark.parametrize(
    "words",
    [
        ("release", "404"),
        ("history", "--service", "nope"),
        ("fleet", "--days", "0"),
        ("history", "--days", "nan"),
    ],
)
def test_what_makes_no_sense_is_bad_input(ledger: Ledger, run: Run, words: tuple[str]) -> None:
    assert isinstance(run("report", *words).exception, BadInput)


def test_a_file_that_cannot_be_written_is_bad_input(
    ledger: Ledger, run: Run, tmp_path: Path
) -> None:
    number = promoted(ledger, "1.0.0")
    (tmp_path / "file").write_text("in the way")
    done = run("report", "release", str(number), "--out", str(tmp_path / "file" / "x.html"))
    assert isinstance(done.exception, BadInput)


def test_no_ledger_is_unreachable(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DAVYLAMP_LEDGER_URL", "postgresql://postgres@127.0.0.1:9/none")
    assert isinstance(run("report", "fleet").exception, Unreachable)
