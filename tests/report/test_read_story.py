"""A release's story and the fleet's, read from a real ledger."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import text

from davylamp.errors import BadInput
from davylamp.judge.sample import Role
from davylamp.ledger import audits, schema
from davylamp.ledger.audits import Held, Look
from davylamp.ledger.models import ReleaseState
from davylamp.ledger.releases import end_release
from davylamp.ledger.session import Ledger
from davylamp.report.dora import dora_of
from davylamp.report.ended_releases import read_window
from davylamp.report.files import write_release_page, written_page
from davylamp.report.fleet_page import fleet_page
from davylamp.report.full_blast import full_blast_failures
from davylamp.report.read_fleet import read_fleet
from davylamp.report.read_story import read_story, requests_between
from davylamp.report.release_page import release_page
from davylamp.settings import Settings
from tests.report.past import opened, promoted, rolled_back, sampled
from tests.report.reading import check
from tests.report.stories import at

pytestmark = pytest.mark.server


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(home=tmp_path, catalog=tmp_path)


def test_a_rolled_back_release_is_told_with_what_it_cost_and_its_pictures(
    ledger: Ledger, settings: Settings
) -> None:
    promoted(ledger, "1.0.0")
    promoted(ledger, "1.1.0")
    number = rolled_back(ledger, "1.2.0")
    ended = sampled(ledger, number)
    told = read_story(ledger, settings, number)
    assert told.stable_before is not None
    assert told.stable_before.version == "1.1.0"
    assert told.verdict is not None
    assert told.verdict.outcome == "ROLLBACK"
    assert told.cost.requests_exposed == pytest.approx(ended, rel=0.05)
    assert told.cost.full_blast_failed == full_blast_failures(
        told.cost.requests_exposed or 0, 63 / 1204
    )
    assert [one.version for one in told.back] == ["1.0.0"]
    assert len(told.pictures) == 4
    page = check(release_page(told))
    assert "checkout 1.2.0 rolled back requests failed" in page.words
    assert len(page.all("img")) == 4


def test_a_release_whose_samples_are_gone_says_so(ledger: Ledger, settings: Settings) -> None:
    told = read_story(ledger, settings, rolled_back(ledger, "1.2.0"))
    assert told.pictures == ()
    assert "its samples are gone" in check(release_page(told)).words
    assert told.cost.candidate_failed == 63
    assert told.cost.full_blast_failed is None


def test_schema_work_of_a_release_is_its_own(ledger: Ledger, settings: Settings) -> None:
    number = promoted(ledger, "1.0.0")
    with ledger.begin() as db:
        for by in (f"release {number}", "release 99"):
            schema.append_schema_event(db, "shop", "expand_done", f"by {by}", by=by)
    told = read_story(ledger, settings, number)
    assert [one.message for one in told.schema] == [f"by release {number}"]


def test_an_unknown_release_is_bad_input(ledger: Ledger, settings: Settings) -> None:
    with pytest.raises(BadInput, match="no release 404"):
        read_story(ledger, settings, 404)


def test_requests_are_counted_only_where_stable_was(ledger: Ledger) -> None:
    assert requests_between({}, at(0), at(1)) is None
    assert requests_between({Role.STABLE: []}, at(0), at(1)) is None  # type: ignore[dict-item]


def test_a_page_is_written_and_the_oldest_go(ledger: Ledger, tmp_path: Path) -> None:
    settings = Settings(home=tmp_path, catalog=tmp_path, report_pages=2)
    numbers = [promoted(ledger, f"1.{n}.0") for n in range(3)]
    for number in numbers:
        write_release_page(ledger, settings, number)
    assert [bool(written_page(settings, number)) for number in numbers] == [False, True, True]


def test_the_window_has_what_ended_in_it_and_first_promotions_are_known(ledger: Ledger) -> None:
    first = promoted(ledger, "1.0.0")
    rolled_back(ledger, "1.1.0")
    again = promoted(ledger, "1.0.0")
    refused = opened(ledger, "1.2.0")
    with ledger.begin() as db:
        end_release(db, refused.id, ReleaseState.REFUSED, "no signature")
    opened(ledger, "1.3.0")
    with ledger.begin() as db:
        window = read_window(db, 30)
        of_another = read_window(db, 30, "orders")
    assert window.days == pytest.approx(1.0)
    assert of_another.releases == ()
    assert {one.id: one.is_first_of_build for one in window.releases if one.made_stable_at} == {
        first: True,
        again: False,
    }
    found = dora_of(window.releases, window.days)
    assert (found.deployments, found.failed, found.refused) == (3, 1, 1)
    assert found.lead_time is not None
    assert found.lead_time.count == 1
    assert found.recovery is not None
    assert found.recovery.median >= 0


def test_a_release_that_ended_before_the_window_is_not_in_it(ledger: Ledger) -> None:
    promoted(ledger, "1.0.0")
    with ledger.begin() as db:
        db.execute(
            text(
                "UPDATE releases SET created_at = created_at - interval '40 days',"
                " ended_at = ended_at - interval '40 days'"
            )
        )
    promoted(ledger, "1.1.0")
    with ledger.begin() as db:
        window = read_window(db, 30)
    assert len(window.releases) == 1
    assert window.days == pytest.approx(30)


def test_the_fleet_is_told_with_findings_audits_and_the_forecast(ledger: Ledger) -> None:
    promoted(ledger, "1.0.0")
    rolled_back(ledger, "1.1.0")
    promoted(ledger, "2.0.0", "orders")
    under_way = opened(ledger, "1.2.0")
    detail = {"detail": "checkout-8 runs 0.9", "next": "drain checkout-8"}
    held = Held("stale_instance", "checkout", "checkout-8", "", "critical", detail)
    counts = {"stale_instance": 1}
    look = Look(at(0), seconds=0.5, services=2, seen_instances=4, counts=counts, unseen={})
    with ledger.begin() as db:
        audits.record_look(db, look, [held], lambda _: True)
    story = read_fleet(ledger)
    assert [one.live.name for one in story.services] == ["checkout", "orders"]
    assert [one.id for one in story.active] == [under_way.id]
    assert story.outlook is not None
    assert (len(story.outlook.past.releases), len(story.outlook.past.bad)) == (3, 1)
    words = check(fleet_page(story)).words
    assert "drain checkout-8" in words
    assert "checkout 1.0.0" in words
    assert "of 3" in words


def test_an_empty_ledger_is_a_fleet_without_services(ledger: Ledger) -> None:
    assert "0 services" in check(fleet_page(read_fleet(ledger))).words
