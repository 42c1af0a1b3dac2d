"""`davylamp forecast`: a document, a table, a picture, and the fleet's own figures."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import typer
from sqlalchemy import update
from typer.testing import CliRunner

from davylamp.cli.forecast import forecast
from davylamp.errors import BadInput
from davylamp.ledger import evidence, releases
from davylamp.ledger.models import ReleaseRow, ReleaseState
from davylamp.ledger.session import Ledger
from davylamp.report.own_figures import read_past

app = typer.Typer()
app.command()(forecast)
TEXTBOOK = ["--deploys-per-day", "1000", "--p-bad", "0.001", "--catch-rate", "0.95"]
QUICK = ["--years", "20"]


def ask(*arguments: str) -> str:
    result = CliRunner().invoke(app, [*arguments], catch_exceptions=False)
    assert result.exit_code == 0
    return result.stdout


def test_the_document_has_the_textbook_case() -> None:
    found = json.loads(ask(*TEXTBOOK, "--fraction", "0.05", "--json"))
    assert found["crippling_per_year_full_blast"] == 365.0
    assert found["crippling_per_year_canary"] == 18.25
    assert set(found["harmed_user_minutes_per_year"]) == {"rolling", "blue_green", "canary"}


def test_people_get_tables() -> None:
    said = ask(*TEXTBOOK, *QUICK)
    assert "365 a year" in said
    assert "harmed user-minutes" in said
    assert "half the first step" in said


@pytest.mark.parametrize(
    ("option", "value"),
    [("--p-bad", "2"), ("--fraction", "0"), ("--users", "nan"), ("--deploys-per-day", "-1")],
)
def test_a_value_that_makes_no_sense_is_bad_input(option: str, value: str) -> None:
    with pytest.raises(BadInput, match=option):
        CliRunner().invoke(app, [option, value], catch_exceptions=False)


def test_a_plot_is_a_png(tmp_path: Path) -> None:
    file = tmp_path / "forecast.png"
    ask(*QUICK, "--plot", str(file))
    assert file.read_bytes().startswith(b"\x89PNG")
    with pytest.raises(BadInput, match="--plot"):
        CliRunner().invoke(app, ["--plot", str(tmp_path)], catch_exceptions=False)


def ended(ledger: Ledger, number: int, state: ReleaseState, reason: str, **columns: Any) -> None:
    """A release users met, taken back or not, on its second step."""
    plan = {"steps": [{"share": 0.01}, {"share": 0.05}]}
    with ledger.begin() as db:
        release = releases.open_release(
            db, service="cart", image=f"1.{number}", plan=plan, entry={}, seed=1, requested_by="ana"
        )
        releases.note_traffic(db, release.id)
        db.execute(
            update(ReleaseRow)
            .where(ReleaseRow.id == release.id)
            .values(digest=f"d{number}", step=1, figures={"candidate_failed": 7.0}, **columns)
        )
        releases.end_release(db, release.id, state, reason)


@pytest.mark.server
def test_the_fleets_own_figures_come_from_its_releases(
    ledger: Ledger, postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(6):
        ended(ledger, number, ReleaseState.PROMOTED, "fine")
    ended(ledger, 6, ReleaseState.ROLLED_BACK, "requests failed")
    ended(ledger, 7, ReleaseState.ROLLED_BACK, "requests failed")
    ended(ledger, 8, ReleaseState.ROLLED_BACK, "rolled back by ana: it smells")
    with ledger.begin() as db:
        evidence.record_build(
            db,
            service="cart",
            digest="d0",
            repository="cart",
            version="1.0",
            contract={},
            signed_by="",
        )
        evidence.mark_bad(db, "cart", "d0", "found later")
    past = read_past(ledger, 90)
    assert past.document() | {"seconds_exposed": 0} == {
        "days": 1.0,
        "deploys": 9,
        "bad": 4,
        "caught": 2,
        "catch_rate": 0.5,
        "catch_rate_low": pytest.approx(0.12, abs=0.02),
        "catch_rate_high": pytest.approx(0.88, abs=0.02),
        "confidence": 0.95,
        "seconds_exposed": 0,
        "fraction_exposed": 0.05,
        "harmed_requests": 28,
    }
    monkeypatch.setenv("DAVYLAMP_LEDGER_URL", postgres_url)
    found = json.loads(ask("--from-ledger", "--json", *QUICK))
    own = found["from_ledger"]["forecast"]
    assert own["assumptions"]["deploys_per_day"] == 9
    assert own["crippling_per_year_full_blast"] == pytest.approx(4 * 365)
    assert "the ledger: 9 deploys" in ask("--from-ledger", *QUICK)


@pytest.mark.server
def test_an_empty_ledger_knows_nothing_better(
    ledger: Ledger, postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DAVYLAMP_LEDGER_URL", postgres_url)
    found = json.loads(ask("--from-ledger", "--json", *QUICK))["from_ledger"]
    assert found["figures"]["deploys"] == 0
    assert (found["figures"]["catch_rate_low"], found["figures"]["catch_rate_high"]) == (0, 1)
    assert found["forecast"]["crippling_per_year_full_blast"] == 0
