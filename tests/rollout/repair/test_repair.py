"""Repair on a real ledger: what is done, what is written down, what a change in between does."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from davylamp.errors import Unreachable
from davylamp.fleet.protocol import StartOrder
from davylamp.judge.sample import Role
from davylamp.ledger import inventory, releases, routes
from davylamp.ledger.instance import Instance, InstanceState
from davylamp.ledger.models import ReleaseState
from davylamp.ledger.session import Ledger
from davylamp.rollout.parts import Parts
from davylamp.rollout.repair import missing
from davylamp.rollout.repair.carry_out import carry_out, plan
from davylamp.rollout.repair.planned import Done, State
from davylamp.rollout.repair.run import Wish, repair
from tests.release_defs.world import SERVICE, Copies, know_builds, make_world

pytestmark = pytest.mark.server

STABLE, OLD = (f"sha256:{digit * 64}" for digit in "12")


@dataclass
class Shop:
    """A service of two copies, released once, on a platform in memory."""

    parts: Parts
    copies: Copies
    release: int

    def run(self, name: str, digest: str, role: Role = Role.STABLE, release: int = 0) -> None:
        order = StartOrder((name,), SERVICE, f"shop/{SERVICE}@{digest}", digest, role, release)
        self.copies.start(order)
        with self.parts.ledger.begin() as db:
            inventory.observe(db, self.copies.instances(), whole_fleet=True)

    def repaired(self, *findings: dict[str, Any], do: bool = True, **wish: str) -> list[Done]:
        return repair(self.parts, findings, Wish(**wish), do=do, by="ana")

    def events(self, release: int = 0) -> list[tuple[str, str]]:
        with self.parts.ledger.begin() as db:
            found = releases.events_of(db, release or self.release)
        return [(one.kind, one.message) for one in found if one.kind.startswith("repair")]

    def ids(self) -> set[str]:
        return set(self.copies.running)

    def routed(self) -> set[str]:
        with self.parts.ledger.begin() as db:
            fleet, _ = routes.read_fleet(db)
        return set(fleet[SERVICE].endpoints.get(Role.STABLE, ()))


@pytest.fixture
def shop(ledger: Ledger, tmp_path: Path) -> Shop:
    world = make_world(ledger, tmp_path)
    with ledger.begin() as db:
        know_builds(db, SERVICE, {OLD: "1.0.0", STABLE: "1.1.0"})
        opened = releases.open_release(
            db, service=SERVICE, image="1.1.0", plan={}, entry={}, seed=1, requested_by="ana"
        )
        routes.take_route(db, SERVICE, opened.id, 1, 15.0)
        routes.forget_release(db, SERVICE, opened.id)
        releases.end_release(db, opened.id, ReleaseState.PROMOTED, "well")
        inventory.set_stable(
            db,
            SERVICE,
            digest=STABLE,
            version="1.1.0",
            image=f"shop/{SERVICE}@{STABLE}",
            release_id=opened.id,
        )
    found = Shop(world.parts, world.copies, opened.id)
    for name in ("a", "b"):
        found.run(name, STABLE, release=opened.id)
    return found


def finding(code: str, instance: str | None = None, service: str = SERVICE) -> dict[str, Any]:
    found = {"code": code, "severity": "critical", "service": service, "detail": "it is wrong"}
    return found | {"instance": instance}


def test_a_dry_run_changes_nothing(shop: Shop) -> None:
    shop.run("by-hand", OLD)
    (done,) = shop.repaired(finding("stale_instance", "by-hand"), do=False)
    assert done.state is State.PLANNED
    assert "by-hand" in shop.ids()
    assert shop.events() == []


def test_a_stale_copy_is_drained_and_it_is_written_down_by_whom(shop: Shop) -> None:
    shop.run("by-hand", OLD)
    (done,) = shop.repaired(finding("stale_instance", "by-hand"))
    assert done.state is State.DONE
    assert shop.ids() == {"a", "b"}
    (begun, ended) = shop.events()
    assert begun[0] == "repair"
    assert "ana: take by-hand" in begun[1]
    assert ended == ("repair_done", "stale_instance by-hand: by-hand is ended")


def test_the_eighth_server_is_replaced_before_it_goes(shop: Shop) -> None:
    shop.copies.stop(["b"])
    shop.run("b", OLD, release=1)
    (done,) = shop.repaired(finding("stale_instance", "b"))
    assert done.state is State.DONE
    new = f"{SERVICE}-r{shop.release}-stable-0"
    assert shop.ids() == {"a", new}
    assert shop.copies.running[new].release_id == shop.release  # a later release ends it
    assert shop.routed() == {one.address for one in shop.copies.instances()}


def test_missing_copies_are_started_and_get_users(shop: Shop) -> None:
    shop.copies.stop(["b"])
    shop.run("failed", STABLE)
    shop.copies.running["failed"] = replace(
        shop.copies.running["failed"], state=InstanceState.FAILED, reason="it died"
    )
    (done,) = shop.repaired(finding("missing_instances"))
    assert done.state is State.DONE
    assert len(shop.ids()) == 2
    assert "failed" not in shop.ids()
    assert shop.routed() == {one.address for one in shop.copies.instances()}
    assert shop.repaired(finding("missing_instances"))[0].state is State.NOT_NEEDED


def test_a_copy_that_does_not_come_up_is_taken_away_again(shop: Shop) -> None:
    shop.copies.stop(["b"])
    shop.copies.state = InstanceState.FAILED
    (done,) = shop.repaired(finding("missing_instances"))
    assert done.state is State.FAILED
    assert "it never listened" in done.said
    assert shop.ids() == {"a"}
    assert shop.events()[-1][0] == "repair_failed"


def test_a_stale_copy_goes_even_if_its_replacement_does_not_come_up(shop: Shop) -> None:
    shop.copies.stop(["b"])
    shop.run("b", OLD)
    shop.copies.state = InstanceState.FAILED
    (done,) = shop.repaired(finding("stale_instance", "b"))
    assert done.state is State.DONE
    assert shop.ids() == {"a"}


def test_the_only_copy_stays_when_no_other_comes_up(shop: Shop) -> None:
    shop.copies.stop(["a", "b"])
    shop.run("a", OLD)
    shop.copies.state = InstanceState.FAILED
    (done,) = shop.repaired(finding("stale_instance", "a"))
    assert done.state is State.FAILED
    assert "no ready copy" in done.said
    assert shop.ids() == {"a"}


def test_a_finding_that_is_over_by_the_time_is_left_alone(shop: Shop) -> None:
    shop.run("by-hand", OLD)
    planned = plan(shop.parts, finding("stale_instance", "by-hand"))
    with shop.parts.ledger.begin() as db:
        releases.open_release(
            db, service=SERVICE, image="1.0.0", plan={}, entry={}, seed=1, requested_by="ana"
        )
        active = releases.active_release(db, SERVICE)
        assert active is not None
        releases.update_release(db, active.id, "verified", "", digest=OLD, version="1.0.0")
    assert carry_out(shop.parts, planned, "ana").state is State.NOT_NEEDED
    assert "by-hand" in shop.ids()


def test_copies_of_a_build_that_is_replaced_while_they_start_are_ended(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.copies.stop(["b"])
    waiting = missing.wait_until_ready

    def meanwhile(*given: Any) -> list[Instance]:
        with shop.parts.ledger.begin() as db:
            inventory.set_stable(
                db, SERVICE, digest=OLD, version="1.0.0", image="x", release_id=shop.release
            )
        return waiting(*given)

    monkeypatch.setattr(missing, "wait_until_ready", meanwhile)
    (done,) = shop.repaired(finding("missing_instances"))
    assert done.state is State.FAILED
    assert shop.ids() == {"a"}


def test_copies_that_come_up_with_another_build_are_ended(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.copies.stop(["b"])
    start = shop.copies.start
    monkeypatch.setattr(shop.copies, "start", lambda order: start(replace(order, digest=OLD)))
    (done,) = shop.repaired(finding("missing_instances"))
    assert done.state is State.FAILED
    assert "was to run" in done.said
    assert shop.ids() == {"a"}


def test_a_route_is_written_anew_and_seen(shop: Shop) -> None:
    with shop.parts.ledger.begin() as db:
        before = routes.read_route(db, SERVICE)
        routes.confirm_routes(db, {SERVICE: before.generation + 1 if before else 0})
    (done,) = shop.repaired(finding("route_drift"))
    assert done.state is State.DONE
    with shop.parts.ledger.begin() as db:
        after = routes.read_route(db, SERVICE)
    assert before is not None
    assert after is not None
    assert after.generation == before.generation + 1
    assert "put in force again by ana" in after.reason


def test_a_route_that_no_router_takes_is_said(shop: Shop) -> None:
    parts = replace(
        shop.parts, settings=shop.parts.settings.model_copy(update={"confirm_seconds": 0.2})
    )
    planned = plan(parts, finding("route_drift"))
    done = carry_out(parts, planned, "ana")
    assert done.state is State.FAILED
    assert "no router was seen with it" in done.said


def test_a_service_that_left_the_catalog_needs_its_name_said(shop: Shop) -> None:
    order = StartOrder(("x",), "gone", f"x@{OLD}", OLD, Role.STABLE, 0)
    shop.copies.start(order)
    one = finding("unknown_service", "x", "gone")
    assert shop.repaired(one)[0].state is State.REFUSED
    (done,) = shop.repaired(one, service="gone")
    assert done.state is State.DONE
    assert "no release of gone" in done.said
    assert shop.ids() == {"a", "b"}


def test_what_is_for_people_is_named_and_keeps_nothing_waiting(shop: Shop) -> None:
    shop.run("by-hand", OLD)
    findings = [finding("schema_outside_contract"), finding("stale_instance", "by-hand")]
    first, second = shop.repaired(*findings)
    assert first.state is State.BY_HAND
    assert "data does not roll back" in first.said
    assert second.state is State.DONE


def test_only_what_was_named_is_repaired(shop: Shop) -> None:
    shop.run("x", OLD)
    shop.run("y", OLD)
    both = [finding("stale_instance", name) for name in ("x", "y")]
    (done,) = shop.repaired(*both, instance="y")
    assert done.planned.concern.instance == "y"
    assert shop.ids() == {"a", "b", "x"}


def test_a_platform_that_falls_silent_ends_the_rest(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.run("x", OLD)
    shop.run("y", OLD)

    def silent(ids: Sequence[str], grace_seconds: float = 10.0) -> None:
        monkeypatch.setattr(shop.copies, "instances", fail)

    def fail() -> list[Instance]:
        raise Unreachable("the platform is silent")

    monkeypatch.setattr(shop.copies, "stop", silent)
    first, second = shop.repaired(*(finding("stale_instance", name) for name in ("x", "y")))
    assert (first.state, second.state) == (State.FAILED, State.FAILED)
    assert "silent" in second.said
