"""The fleet's page: what is wrong first."""

from __future__ import annotations

import json
from dataclasses import replace

from davylamp.ledger.audits import Held
from davylamp.ledger.inventory import Live
from davylamp.ledger.models import ReleaseState
from davylamp.report.fleet_page import fleet_page
from davylamp.report.fleet_story import ServiceNow
from davylamp.report.page import Picture
from davylamp.report.plots.days import draw_days
from tests.report.reading import check
from tests.report.stories import BEGAN, NEW, ended, fleet, release
from tests.report.test_release_page import EVIL

RELEASES = [
    *(ended(n, ReleaseState.PROMOTED, n / 2, made_stable_at=None) for n in range(9)),
    ended(10, ReleaseState.ROLLED_BACK, 3),
    ended(11, ReleaseState.REFUSED, 3, traffic_at=None),
]


def test_findings_come_first_and_say_what_to_do() -> None:
    page = check(fleet_page(fleet(RELEASES)))
    assert "2 services, 0 releases under way, 1 critical finding and 0 warnings open" in page.words
    assert "stale_instance critical checkout checkout-8" in page.words
    assert "drain checkout-8" in page.words
    assert page.words.index("Open findings") < page.words.index("Services")


def test_dora_is_told_for_the_fleet_and_by_service() -> None:
    words = check(fleet_page(fleet(RELEASES))).words
    assert "deployments a day 0.5 10 in 20 days" in words
    assert "change fail rate 10 % 1 of 10; 95 %: 1.79 % to 40.4 %" in words
    assert "recovery 10 s" in words
    assert "1 refused, 0 abandoned" in words
    assert "orders 1.4.0 sha256:aaaaaaaaaaaa 1 Mar 12:00:00 2/2 – – – – –" in words


def test_a_release_under_way_stands_beside_its_service() -> None:
    under_way = release(state=ReleaseState.STEPPING, ended_at=None)
    services = [ServiceNow(Live("checkout", NEW, "1.4.0"), 1, 2, under_way)]
    words = check(fleet_page(replace(fleet(RELEASES), services=services))).words
    assert "1 service, 1 release under way" in words
    assert "1/2 stepping 1.5.0" in words


def test_an_empty_fleet_is_told_without_making_anything_up() -> None:
    story = fleet(services=(), findings=[], looks=[], outlook=None, no_outlook="nothing to go by")
    words = check(fleet_page(story)).words
    assert "never audited" in words
    assert "change fail rate – 0 of 0; 95 %: 0 % to 100 %" in words
    assert "No release has ended in this time." in words
    assert "There is none: nothing to go by." in words
    json.dumps(story.document(), default=str)


def test_a_script_in_any_text_is_only_text() -> None:
    held = Held(EVIL, EVIL, EVIL, EVIL, EVIL, {"detail": EVIL, "next": EVIL}, BEGAN)
    services = (EVIL,)
    page = check(fleet_page(fleet([ended(1, ReleaseState.PROMOTED, 1)], services, findings=[held])))
    assert page.words.count("<script>alert('x')</script>") >= 6


def test_the_plot_of_days_is_a_small_picture_and_none_without_releases() -> None:
    story = fleet(RELEASES)
    png = draw_days(story.days)
    assert png.startswith(b"\x89PNG")
    assert len(png) < 40_000
    assert draw_days(fleet().days) == b""
    picture = Picture("Releases a day", "11 releases", png, 660)
    assert len(check(fleet_page(fleet(RELEASES, pictures=[picture]))).all("img")) == 1


def test_the_document_has_days_outcomes_and_both_forecasts() -> None:
    found = json.loads(json.dumps(fleet(RELEASES).document(), default=str))
    assert found["outcomes"]["promoted"] == 9
    assert sum(day["rolled_back"] for day in found["days"]) == 1
    assert found["dora"]["deployments"] == 10
    assert found["forecast"]["figures"]["deploys"] == 60
    assert found["forecast"]["assumed"]["crippling_per_year_full_blast"] == 365
    assert found["findings"][0]["next"] == "drain checkout-8"
