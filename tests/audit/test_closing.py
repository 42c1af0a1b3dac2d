"""What wasn't looked at is as it was."""

from __future__ import annotations

import pytest

from davylamp.audit.closing import seen_enough
from davylamp.audit.codes import CODES
from davylamp.audit.frames import fleet_of
from davylamp.audit.inventory import Inventory
from tests.audit.fleets import DAY, Document, healthy


def answer(document: Document, code: str, service: str) -> bool:
    return seen_enough(fleet_of(Inventory.model_validate(document)))(code, service)


@pytest.mark.parametrize("code", CODES)
def test_a_fleet_that_is_seen_whole_closes_whatever_it_doesn_t_show(code: str) -> None:
    assert answer(healthy(3), code, "s1")


def test_a_service_of_which_nothing_is_seen_keeps_its_findings() -> None:
    document = healthy(3)
    for copy in document["instances"]:
        if copy["service"] == "s1":
            copy["last_seen_at"] -= DAY
    assert not answer(document, "stale_instance", "s1")
    assert answer(document, "stale_instance", "s2")


def test_a_platform_that_shows_nothing_mends_nothing() -> None:
    document = healthy(3) | {"instances": []}
    assert not any(answer(document, "unknown_service", name) for name in ("s1", "gone"))


def test_a_service_nobody_knows_and_nobody_sees_any_more_is_over() -> None:
    assert answer(healthy(3), "unknown_service", "gone")


def test_a_router_that_wasn_t_asked_keeps_its_drift() -> None:
    document = healthy(3)
    for route in document["routes"]:
        route["observed"] = None
    assert not answer(document, "route_drift", "s1")
    assert not answer(document | {"routes": []}, "route_drift", "s1")


def test_a_database_that_did_not_answer_keeps_what_was_found_of_it() -> None:
    document = healthy(3)
    document["databases"] = [one for one in document["databases"] if one["name"] != "s1_db"]
    assert not answer(document, "overdue_contract", "s1")
    assert answer(document, "overdue_contract", "s2")
