"""A service that wants a second opinion believes a roll-back only when it happens twice."""

from __future__ import annotations

import pytest

from davylamp.catalog.model import Service
from davylamp.ledger import evidence, releases
from davylamp.ledger.models import ReleaseState
from davylamp.ledger.session import Ledger
from davylamp.rollout.conduct.second_opinion import SECOND_OPINION, blame
from davylamp.rollout.plan import canary_plan

pytestmark = pytest.mark.server
DIGEST = "sha256:" + "c" * 64


def entry(second_opinion: bool) -> Service:
    return Service.model_validate(
        {
            "name": "checkout",
            "owner": "team-checkout",
            "image": {"repository": "shop/checkout"},
            "route": {"hosts": ["checkout.localhost"]},
            "judge": {"second_opinion": second_opinion},
        }
    )


def fail(ledger: Ledger, requested_by: str, *, second_opinion: bool) -> None:
    """One release of the build that the judge takes back."""
    service = entry(second_opinion)
    with ledger.begin() as db:
        evidence.record_build(
            db,
            service="checkout",
            digest=DIGEST,
            repository="shop/checkout",
            version="1.1.0",
            contract={},
            signed_by="",
        )
        found = releases.open_release(
            db,
            service="checkout",
            image=f"1.1.0@{DIGEST}",
            plan=canary_plan(service.release).document(),
            entry=service.model_dump(mode="json"),
            seed=1,
            requested_by=requested_by,
        )
        releases.update_release(db, found.id, "verified", "so", digest=DIGEST, version="1.1.0")
        blame(db, releases.get_release(db, found.id), "5 % of 900 requests failed")
        releases.end_release(db, found.id, ReleaseState.ROLLED_BACK, "taken back")


def asked(ledger: Ledger) -> list[tuple[str, str]]:
    with ledger.begin() as db:
        return [(r.image, r.requested_by) for r in evidence.open_requests(db)]


def known_bad(ledger: Ledger) -> str | None:
    with ledger.begin() as db:
        return evidence.known_bad(db, "checkout", DIGEST)


def test_the_first_failure_asks_for_another_try_and_condemns_nothing(ledger: Ledger) -> None:
    fail(ledger, "ana", second_opinion=True)
    assert asked(ledger) == [(f"1.1.0@{DIGEST}", SECOND_OPINION)]
    assert known_bad(ledger) is None


def test_a_build_that_failed_twice_is_known_as_bad_and_not_tried_again(ledger: Ledger) -> None:
    fail(ledger, "ana", second_opinion=True)
    fail(ledger, SECOND_OPINION, second_opinion=True)
    assert len(asked(ledger)) == 1
    assert known_bad(ledger) == "failed twice: 5 % of 900 requests failed"


def test_without_the_policy_one_failure_is_enough(ledger: Ledger) -> None:
    fail(ledger, "ana", second_opinion=False)
    assert asked(ledger) == []
    assert known_bad(ledger) == "5 % of 900 requests failed"
