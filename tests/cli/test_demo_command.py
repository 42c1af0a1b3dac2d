"""`davylamp demo` stays away from anything real, and says so when the story went wrong."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from davylamp.cli.demo.command import demo
from davylamp.cli.demo.facts import ReleaseFacts
from davylamp.cli.demo.frame import records_frame
from davylamp.cli.demo.record import Record
from davylamp.cli.demo.report import make_report
from davylamp.cli.demo.story import went_wrong
from davylamp.cli.demo.versions import RELEASES
from davylamp.errors import BadInput

NOW = datetime(2026, 1, 1, tzinfo=UTC)
AS_EXPECTED = [str(version.expected) for version in RELEASES]


def facts(outcomes: list[str]) -> list[ReleaseFacts]:
    return [
        ReleaseFacts(v.service, v.version, outcome, "because", NOW)
        for v, outcome in zip(RELEASES, outcomes, strict=True)
    ]


@pytest.mark.parametrize("name", ["LEDGER_URL", "REGISTRY_URL", "TRUSTED_KEYS"])
def test_a_plane_that_is_not_the_demonstrations_own_is_bad_input(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(f"DAVYLAMP_{name}", "postgresql://real/ledger")
    with pytest.raises(BadInput, match=f"DAVYLAMP_{name}: set"):
        demo(home=tmp_path / "demo")
    assert not (tmp_path / "demo").exists()


def test_without_the_shops_images_nothing_is_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DAVYLAMP_CATALOG", str(tmp_path / "catalog"))
    with pytest.raises(BadInput, match="images does not exist"):
        demo(home=tmp_path / "demo")
    assert not (tmp_path / "demo").exists()


def test_two_bad_builds_taken_back_and_a_good_one_promoted_is_as_it_should_be() -> None:
    assert AS_EXPECTED == ["rolled_back", "rolled_back", "promoted"]
    assert went_wrong(make_report(records_frame([]), facts(AS_EXPECTED))) == []


def test_another_outcome_and_a_failed_switch_are_named() -> None:
    broken = Record(NOW.timestamp(), "cart", "GET", "user-1", 0, 5.0, error="ServerDisconnected")
    report = make_report(records_frame([broken]), facts(["promoted", *AS_EXPECTED[1:]]), 3)
    wrong = " ".join(went_wrong(report))
    assert "checkout 1.1.0 was promoted, and should have been rolled_back" in wrong
    assert "1 requests failed" in wrong
    assert "3 users were sent away by the load" in wrong
