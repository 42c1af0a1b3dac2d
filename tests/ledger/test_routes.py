from __future__ import annotations

import time

import psycopg
import pytest

from davylamp.errors import FencedOff, Refused
from davylamp.judge.sample import Role
from davylamp.ledger import inventory, routes
from davylamp.ledger.instance import Instance, InstanceState
from davylamp.ledger.intent import RouteIntent
from davylamp.ledger.session import Ledger

pytestmark = pytest.mark.server
OLD, NEW = "sha256:" + "a" * 64, "sha256:" + "b" * 64


def taken(ledger: Ledger, lease_seconds: float = 15.0) -> RouteIntent:
    with ledger.begin() as db:
        return routes.take_route(db, "checkout", 7, seed=1, lease_seconds=lease_seconds)


def shares(ledger: Ledger, fence: int, candidate: float = 0.05) -> RouteIntent:
    with ledger.begin() as db:
        return routes.set_shares(
            db,
            "checkout",
            fence,
            candidate=candidate,
            baseline=0.05,
            lease_seconds=15.0,
            reason="step",
        )


def test_taking_a_route_gives_no_shares_and_a_higher_fence_each_time(ledger: Ledger) -> None:
    first, second = taken(ledger), taken(ledger)
    assert (first.candidate_share, first.baseline_share) == (0, 0)
    assert second.fence > first.fence


def test_a_stale_fence_can_neither_raise_shares_nor_renew(ledger: Ledger) -> None:
    first = taken(ledger)
    taken(ledger)
    with pytest.raises(FencedOff, match="taken away"):
        shares(ledger, first.fence)
    with pytest.raises(FencedOff), ledger.begin() as db:
        routes.renew_lease(db, "checkout", first.fence, 15)


def test_a_lease_that_ran_out_by_the_databases_clock_cannot_be_renewed(ledger: Ledger) -> None:
    intent = taken(ledger, lease_seconds=0.05)
    time.sleep(0.1)
    with pytest.raises(FencedOff, match="ran out"), ledger.begin() as db:
        routes.renew_lease(db, "checkout", intent.fence, 15)


def test_a_lease_that_ran_out_is_no_hindrance_to_giving_the_route_back(ledger: Ledger) -> None:
    intent = taken(ledger, lease_seconds=0.05)
    time.sleep(0.1)
    with ledger.begin() as db:
        left = routes.leave_route(db, "checkout", intent.fence, "ended")
    assert left.release_id is None


def test_rolling_back_by_hand_is_one_row_and_fences_the_run_off(ledger: Ledger) -> None:
    held = shares(ledger, taken(ledger).fence)
    with ledger.begin() as db:
        cut = routes.cut_route(db, "checkout", "rolled back by ana: it smells")
    assert (cut.candidate_share, cut.baseline_share, cut.lease_expires_at) == (0, 0, None)
    assert cut.release_id == 7
    with pytest.raises(FencedOff, match="it smells"):
        shares(ledger, held.fence)


def test_a_service_that_never_had_a_route_cannot_be_rolled_back(ledger: Ledger) -> None:
    with pytest.raises(Refused, match="never had a route"), ledger.begin() as db:
        routes.cut_route(db, "nobody", "why")


def test_a_confirmation_never_goes_backwards(ledger: Ledger) -> None:
    intent = shares(ledger, taken(ledger).fence)
    with ledger.begin() as db:
        routes.confirm_routes(db, {"checkout": intent.generation})
        routes.confirm_routes(db, {"checkout": intent.generation - 1})
        seen = routes.read_route(db, "checkout")
    assert seen is not None
    assert seen.is_confirmed


def test_shares_above_everything_are_refused_by_the_database_itself(ledger: Ledger) -> None:
    fence = taken(ledger).fence
    with pytest.raises(Exception, match="shares_are_shares"):
        shares(ledger, fence, candidate=0.99)


def test_every_change_of_a_route_notifies_and_a_renewal_does_not(
    ledger: Ledger, postgres_url: str
) -> None:
    plain = postgres_url.replace("postgresql+psycopg://", "postgresql://")
    with psycopg.connect(plain, autocommit=True) as listener:
        listener.execute("LISTEN davylamp_route")
        fence = taken(ledger).fence
        shares(ledger, fence)
        with ledger.begin() as db:
            routes.renew_lease(db, "checkout", fence, 15)
            routes.confirm_routes(db, {"checkout": 1})
        heard = [n.payload for n in listener.notifies(timeout=1.0)]
    assert heard == ["checkout"] * 2  # taken, shared


def copy(name: str, role: Role, digest: str, release_id: int) -> Instance:
    address = f"127.0.0.1:{9000 + sum(map(ord, name)) % 900}"
    return Instance(name, "checkout", digest, role, release_id, InstanceState.READY, address)


def test_endpoints_are_those_of_the_stable_build_and_of_the_active_release(ledger: Ledger) -> None:
    stable, eighth = copy("s", Role.STABLE, OLD, 1), copy("eighth", Role.STABLE, NEW, 1)
    mine, other = copy("c", Role.CANDIDATE, NEW, 7), copy("x", Role.CANDIDATE, NEW, 6)
    taken(ledger)
    with ledger.begin() as db:
        inventory.set_stable(
            db, "checkout", digest=OLD, version="1.0.0", image="shop/checkout@x", release_id=1
        )
        inventory.assign(db, [stable, eighth, mine, other])
    with ledger.begin() as db:
        fleet, _ = routes.read_fleet(db)
    assert fleet["checkout"].endpoints == {
        Role.STABLE: (stable.address,),
        Role.CANDIDATE: (mine.address,),
    }


def test_copies_of_a_release_just_promoted_are_stable_and_candidate_until_it_is_over(
    ledger: Ledger,
) -> None:
    promoted = copy("c", Role.STABLE, NEW, 7)
    intent = taken(ledger)
    with ledger.begin() as db:
        inventory.set_stable(db, "checkout", digest=NEW, version="2", image="i", release_id=7)
        inventory.assign(db, [promoted])
    with ledger.begin() as db:
        before, _ = routes.read_fleet(db)
    with ledger.begin() as db:
        routes.leave_route(db, "checkout", intent.fence, "done")
    with ledger.begin() as db:
        after, _ = routes.read_fleet(db)
    address = (promoted.address,)
    assert before["checkout"].endpoints == {Role.STABLE: address, Role.CANDIDATE: address}
    assert after["checkout"].endpoints == {Role.STABLE: address}


def test_an_unreachable_copy_keeps_its_place_and_a_stopped_one_loses_it(ledger: Ledger) -> None:
    first, second = copy("a", Role.STABLE, OLD, 1), copy("b", Role.STABLE, OLD, 1)
    taken(ledger)
    with ledger.begin() as db:
        inventory.set_stable(db, "checkout", digest=OLD, version="1", image="i", release_id=1)
        inventory.assign(db, [first, second])
        inventory.mark_unreachable(db)
        inventory.mark_stopped(db, ["b"], "ended")
    with ledger.begin() as db:
        fleet, _ = routes.read_fleet(db)
    assert fleet["checkout"].endpoints == {Role.STABLE: (first.address,)}
