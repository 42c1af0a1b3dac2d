"""What a repair would do, and what it refuses: pure, over what is seen of one service."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from davylamp.audit.codes import CODES
from davylamp.catalog.model import Image, Route, Service
from davylamp.errors import BadInput
from davylamp.judge.sample import Role
from davylamp.ledger.builds import Build
from davylamp.ledger.instance import Instance, InstanceState
from davylamp.ledger.intent import RouteIntent
from davylamp.ledger.inventory import Live
from davylamp.ledger.models import ReleaseState
from davylamp.ledger.releases import Release
from davylamp.rollout.repair.action import ACTIONS, Kind, action_for
from davylamp.rollout.repair.concern import Concern
from davylamp.rollout.repair.drain import plan_drain
from davylamp.rollout.repair.missing import plan_start
from davylamp.rollout.repair.planned import Planned, State
from davylamp.rollout.repair.route import plan_route
from davylamp.rollout.repair.run import Wish
from davylamp.rollout.repair.sight import Sight

STABLE, OLD, NEXT = (f"sha256:{digit * 64}" for digit in "123")
ENTRY = Service(
    name="checkout",
    owner="tests",
    image=Image(repository="shop/checkout"),
    route=Route(hosts=("checkout.localhost",)),
    instances=3,
)
LIVE = Live("checkout", STABLE, "1.5.0", f"shop/checkout@{STABLE}", 7)
BUILDS = {
    STABLE: Build("checkout", STABLE, "1.5.0", {}),
    OLD: Build("checkout", OLD, "1.4.0", {}),
    NEXT: Build("checkout", NEXT, "1.6.0", {}, known_bad_reason="it failed"),
}


def copy(name: str, digest: str = STABLE, **more: Any) -> Instance:
    found = Instance(name, "checkout", digest, Role.STABLE, 7, InstanceState.READY, "127.0.0.1:1")
    return replace(found, **more)


def sight(*copies: Instance, **more: Any) -> Sight:
    found = Sight("checkout", ENTRY, LIVE, None, None, BUILDS, copies)
    return replace(found, **more)


def release(**more: Any) -> Release:
    found = Release(
        id=8,
        service="checkout",
        image="1.6.0",
        state=ReleaseState.STEPPING,
        reason="",
        plan={},
        entry={},
        step=0,
        seed=1,
        requested_by="ana",
        run_id="",
        created_at=datetime(2026, 1, 1, tzinfo=UTC),
        digest=NEXT,
        stable_digest=STABLE,
    )
    return replace(found, **more)


def finding(code: str, instance: str = "") -> dict[str, Any]:
    found = {"code": code, "severity": "critical", "service": "checkout", "detail": "it is wrong"}
    return found | {"instance": instance or None}


def drained(code: str, seen: Sight, instance: str = "it", named: bool = False) -> Planned:
    document = finding(code, instance)
    return plan_drain(Concern.of(document), action_for(document), seen, named)


def full(*more: Instance, **others: Any) -> Sight:
    """A whole service, and something beside it."""
    return sight(copy("a"), copy("b"), copy("c"), *more, **others)


def test_every_code_of_the_audit_has_an_action_with_its_reason() -> None:
    assert ACTIONS.keys() == CODES.keys()
    assert all(action.why for action in ACTIONS.values())


@pytest.mark.parametrize(
    "code", [c for c in CODES if "flag" in c or "schema" in c or "contra" in c]
)
def test_data_schema_and_flags_are_for_people(code: str) -> None:
    assert action_for(finding(code)).kind is Kind.BY_HAND


def test_a_code_of_a_later_version_is_for_people() -> None:
    assert action_for(finding("tomorrows_code")).kind is Kind.BY_HAND


def test_what_is_no_finding_is_said() -> None:
    with pytest.raises(BadInput, match="severity"):
        action_for({"code": "stale_instance"})


def test_the_eighth_server_is_replaced_and_then_drained() -> None:
    planned = drained("stale_instance", sight(copy("a"), copy("b"), copy("it", OLD)))
    assert planned.state is State.PLANNED
    start, end = planned.steps
    assert "start 1 of 3 copies" in start
    assert "checkout-r7-stable-0" in start
    assert "1.5.0" in start
    assert "end it" in end
    assert "1.4.0" in end


def test_one_beside_a_whole_service_is_only_drained() -> None:
    assert len(drained("stale_instance", full(copy("it", OLD))).steps) == 1


def test_even_a_service_of_stale_copies_only_gets_stable_ones_first() -> None:
    seen = sight(copy("a", OLD), copy("b", OLD), copy("it", OLD))
    planned = drained("stale_instance", seen)
    assert planned.state is State.PLANNED
    assert "start 3 of 3" in planned.steps[0]


@pytest.mark.parametrize(
    ("code", "it", "more", "why"),
    [
        ("stale_instance", copy("other", OLD), {}, "shows no it"),
        ("stale_instance", copy("it", OLD, state=InstanceState.FAILED), {}, "shows no it"),
        ("stale_instance", copy("it"), {}, "runs the stable build"),
        ("stale_instance", copy("it", NEXT), {"active": release()}, "release 8"),
        ("unknown_build", copy("it", OLD), {}, "the ledger knows 1.4.0"),
        ("known_bad_build", copy("it", OLD), {}, "not known bad"),
        ("leftover_release", copy("it", OLD), {}, "the stable part"),
        (
            "leftover_release",
            copy("it", NEXT, role=Role.CANDIDATE, release_id=8),
            {"active": release()},
            "release 8 is under way",
        ),
        ("unknown_service", copy("it", OLD), {}, "the catalog has checkout"),
    ],
)
def test_a_finding_that_holds_no_longer_is_left_alone(
    code: str, it: Instance, more: dict[str, Any], why: str
) -> None:
    planned = drained(code, full(it, **more))
    assert planned.state is State.NOT_NEEDED
    assert why in planned.over


@pytest.mark.parametrize(
    ("code", "it", "more", "why"),
    [
        ("known_bad_build", copy("it", NEXT, release_id=8), {"active": release()}, "rollback"),
        (
            "stale_instance",
            copy("it", OLD, release_id=6),
            {"active": release(state=ReleaseState.CONFIRMING)},
            "wait for its end",
        ),
        ("unknown_service", copy("it", OLD), {"entry": None}, "--service checkout"),
    ],
)
def test_what_a_release_has_in_hand_or_nobody_named_is_refused(
    code: str, it: Instance, more: dict[str, Any], why: str
) -> None:
    planned = drained(code, full(it, **more))
    assert planned.state is State.REFUSED
    assert why in planned.said


def test_a_service_that_left_the_catalog_is_drained_when_it_is_named() -> None:
    planned = drained("unknown_service", sight(copy("it"), entry=None), named=True)
    assert planned.state is State.PLANNED


@pytest.mark.parametrize(
    ("seen", "why"),
    [
        (sight(copy("it", OLD), live=Live("checkout")), "release one"),
        (sight(copy("it", OLD), active=release()), "release 8"),
        (
            sight(*(copy(x, state=InstanceState.STARTING) for x in "abc"), copy("it", OLD)),
            "not come up",
        ),
        (sight(copy("it", OLD), live=replace(LIVE, stable_digest=NEXT)), "known bad"),
    ],
)
def test_the_last_copy_that_may_serve_is_never_drained(seen: Sight, why: str) -> None:
    planned = drained("stale_instance", seen)
    assert planned.state is State.REFUSED
    assert why in planned.said


def test_a_known_bad_build_that_is_the_stable_one_is_rolled_back_not_drained() -> None:
    live = replace(LIVE, stable_digest=NEXT)
    planned = drained("known_bad_build", sight(copy("a", NEXT), copy("it", NEXT), live=live))
    assert planned.state is State.REFUSED
    assert "davylamp rollback checkout --to" in planned.said


def started(seen: Sight) -> Planned:
    document = finding("missing_instances")
    return plan_start(Concern.of(document), action_for(document), seen, False)


def test_missing_copies_are_started_under_ids_that_are_free() -> None:
    planned = started(sight(copy("checkout-r7-stable-0")))
    assert planned.state is State.PLANNED
    assert "checkout-r7-stable-1, checkout-r7-stable-2" in planned.steps[0]


@pytest.mark.parametrize("others", [(), (copy("x", state=InstanceState.STARTING),)])
def test_copies_on_their_way_are_not_missing(others: tuple[Instance, ...]) -> None:
    state = InstanceState.STARTING if others else InstanceState.READY
    assert started(sight(copy("a"), copy("b"), copy("c", state=state))).state is State.NOT_NEEDED


def test_nothing_is_started_beside_a_release_or_of_a_bad_build() -> None:
    assert started(sight(copy("a"), active=release())).state is State.REFUSED
    bad = replace(LIVE, stable_digest=NEXT)
    assert "known bad" in started(sight(copy("a", NEXT), live=bad)).said


def routed(seen: Sight) -> Planned:
    document = finding("route_drift")
    return plan_route(Concern.of(document), action_for(document), seen, False)


def test_a_route_is_written_anew_unless_a_release_has_it() -> None:
    route = RouteIntent("checkout", generation=4, fence=2)
    assert "generation 5" in routed(full(route=route)).said
    assert routed(full(route=route, active=release())).state is State.REFUSED
    assert routed(full()).state is State.NOT_NEEDED


def test_a_slip_of_the_pen_is_not_nothing_to_repair() -> None:
    for wish in (Wish(code="stale"), Wish(service="chekout"), Wish(instance="c-9")):
        with pytest.raises(BadInput, match="there is none of that name"):
            wish.check({"checkout"}, {"c-8"})
    Wish("stale_instance", "checkout", "c-8").check({"checkout"}, {"c-8"})
