"""Endings done late, twice, or by somebody else, against a real ledger."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from davylamp.catalog.model import Catalog, Service
from davylamp.errors import FencedOff, Refused
from davylamp.fleet.protocol import StartOrder
from davylamp.judge.sample import Role
from davylamp.ledger import evidence, inventory, releases, routes
from davylamp.ledger.instance import UNKNOWN_DIGEST, Instance, InstanceState
from davylamp.ledger.models import ReleaseState
from davylamp.ledger.session import Ledger
from davylamp.rollout import operate
from davylamp.rollout.conduct import Conduct, finish
from davylamp.rollout.conduct.conduct import ReleasedBefore
from davylamp.rollout.conduct.confirm import confirm
from davylamp.rollout.parts import Parts
from davylamp.rollout.plan import canary_plan
from davylamp.rollout.reap import reap
from davylamp.settings import Settings

pytestmark = pytest.mark.server
OLD, NEW = "sha256:" + "a" * 64, "sha256:" + "b" * 64
BUILD = f"1.1.0@{NEW}"
ENTRY = Service.model_validate(
    {
        "name": "checkout",
        "owner": "tests",
        "image": {"repository": "shop/checkout"},
        "route": {"hosts": ["checkout.localhost"]},
        "instances": 1,
    }
)


class Yard:
    """A platform in memory that remembers whom it was told to stop."""

    def __init__(self) -> None:
        self.copies: dict[str, Instance] = {}
        self.stopped: list[str] = []

    def add(self, name: str, digest: str, role: Role, release_id: int) -> None:
        self.copies[name] = Instance(
            name, "checkout", digest, role, release_id, InstanceState.READY, "127.0.0.1:1"
        )

    def start(self, order: StartOrder) -> None:
        raise AssertionError("nothing is started at an end")

    def stop(self, ids: Sequence[str], grace_seconds: float = 10.0) -> None:
        self.stopped += ids
        for name in ids:
            self.copies.pop(name, None)

    def instances(self) -> list[Instance]:
        return list(self.copies.values())


def hasty(home: Path, **more: str) -> Settings:
    """Settings under which nobody waits long for a router."""
    return Settings(
        home=home, confirm_seconds=0.2, lease_seconds=2, renew_seconds=1, ttl_seconds=1, **more
    )


@pytest.fixture
def yard() -> Yard:
    return Yard()


@pytest.fixture
def parts(ledger: Ledger, yard: Yard, tmp_path: Path) -> Parts:
    settings = hasty(tmp_path)
    return Parts(settings, ledger, yard)


def release_in(ledger: Ledger, state: ReleaseState, digest: str = NEW) -> tuple[int, int]:
    """An active release in some state, holding its route: its id and its fence."""
    with ledger.begin() as db:
        found = releases.open_release(
            db,
            service="checkout",
            image="1.1.0",
            plan=canary_plan(ENTRY.release).document(),
            entry=ENTRY.model_dump(mode="json"),
            seed=1,
            requested_by="ana",
        )
        releases.update_release(
            db, found.id, "so", "no harm found", state=state, digest=digest, version="1.1.0"
        )
        intent = routes.take_route(db, "checkout", found.id, 1, 15)
        if state is ReleaseState.CONFIRMING:
            inventory.set_stable(
                db, "checkout", digest=digest, version="1.1.0", image="i", release_id=found.id
            )
        routes.confirm_routes(db, {"checkout": intent.generation + 5})
    return found.id, intent.fence


def test_a_release_that_is_stable_already_is_finished_and_not_taken_back(
    parts: Parts, ledger: Ledger, yard: Yard
) -> None:
    release_id, fence = release_in(ledger, ReleaseState.CONFIRMING)
    yard.add("new", NEW, Role.CANDIDATE, release_id)
    done = finish.take_back(parts, release_id, fence, "its run has died", ReleaseState.ABANDONED)
    assert (done.state, yard.stopped) == (ReleaseState.PROMOTED, [])


def test_taking_back_after_the_end_leaves_the_copies_of_a_promoted_build_alone(
    parts: Parts, ledger: Ledger, yard: Yard
) -> None:
    release_id, fence = release_in(ledger, ReleaseState.CONFIRMING)
    yard.add("new", NEW, Role.CANDIDATE, release_id)
    confirm(parts, release_id, fence)
    finish.take_back(parts, release_id, fence, "late", ReleaseState.ABANDONED)
    finish.interrupted(parts, release_id, fence, KeyboardInterrupt())
    assert yard.stopped == []


def test_rolling_back_by_hand_after_the_point_of_no_return_is_refused_and_says_what_to_do(
    parts: Parts, ledger: Ledger
) -> None:
    release_in(ledger, ReleaseState.CONFIRMING)
    with pytest.raises(Refused, match="davylamp rollback checkout --to VERSION"):
        operate.roll_back(ledger, "checkout", "ana", "it smells")


def test_a_late_confirmation_ends_no_copy_of_a_later_release(
    parts: Parts, ledger: Ledger, yard: Yard
) -> None:
    first, fence = release_in(ledger, ReleaseState.CONFIRMING)
    yard.add("new", NEW, Role.CANDIDATE, first)
    confirm(parts, first, fence)
    later, _ = release_in(ledger, ReleaseState.STEPPING, digest=OLD)
    yard.add("back-to-old", OLD, Role.CANDIDATE, later)
    confirm(parts, first, fence)
    assert yard.stopped == []


def test_confirming_ends_what_any_earlier_release_started_and_names_what_none_did(
    parts: Parts, ledger: Ledger, yard: Yard
) -> None:
    earlier, fence = release_in(ledger, ReleaseState.CONFIRMING, digest=OLD)
    yard.add("old", OLD, Role.CANDIDATE, earlier)
    confirm(parts, earlier, fence)
    release_id, fence = release_in(ledger, ReleaseState.CONFIRMING)
    yard.add("new", NEW, Role.CANDIDATE, release_id)
    yard.add("eighth", OLD, Role.STABLE, 0)
    done = confirm(parts, release_id, fence)
    assert yard.stopped == ["old"]
    assert done.state is ReleaseState.UNCONFIRMED
    assert "eighth" in done.reason


@pytest.mark.parametrize("role", [Role.CANDIDATE, Role.STABLE])
def test_a_copy_that_does_not_show_what_it_runs_keeps_the_release_from_being_called_done(
    parts: Parts, ledger: Ledger, yard: Yard, role: Role
) -> None:
    release_id, fence = release_in(ledger, ReleaseState.CONFIRMING)
    yard.add("new", NEW, Role.CANDIDATE, release_id)
    yard.add("odd", UNKNOWN_DIGEST, role, release_id)
    done = confirm(parts, release_id, fence)
    assert (done.state, "odd (unknown" in done.reason) == (ReleaseState.UNCONFIRMED, True)


def test_the_first_reason_and_the_first_intended_end_stay(parts: Parts, ledger: Ledger) -> None:
    release_id, fence = release_in(ledger, ReleaseState.STEPPING)
    finish.cut(parts, release_id, fence, "20 % of requests failed", blames_build=True)
    done = finish.interrupted(parts, release_id, fence, KeyboardInterrupt())
    assert (done.state, done.reason) == (ReleaseState.ROLLED_BACK, "20 % of requests failed")
    with ledger.begin() as db:
        assert evidence.known_bad(db, "checkout", NEW) is None  # never verified: no build row


def test_a_driver_that_wakes_up_cannot_go_on_with_a_release_that_is_being_taken_back(
    parts: Parts, ledger: Ledger
) -> None:
    release_id, fence = release_in(ledger, ReleaseState.STEPPING)
    driver = Conduct.resume(parts, release_id, fence)
    finish.cut(parts, release_id, fence, "20 % of requests failed")
    for state in (ReleaseState.STEPPING, ReleaseState.PROMOTING, ReleaseState.CONFIRMING):
        with pytest.raises(FencedOff, match="being taken back: 20 % of requests failed"):
            driver.session.enter(state, "all is well")
    assert driver.release().state is ReleaseState.ROLLING_BACK
    assert driver.promote("all is well").kind == "roll_back"
    assert finish.interrupted(parts, release_id, fence, KeyboardInterrupt()).state.is_end


def test_no_copy_is_ended_while_a_router_that_says_nothing_may_still_send_users(
    parts: Parts, ledger: Ledger, yard: Yard, monkeypatch: pytest.MonkeyPatch
) -> None:
    release_id, fence = release_in(ledger, ReleaseState.STEPPING)
    with ledger.begin() as db:
        db.exec_driver_sql("UPDATE route_intents SET confirmed_generation = 0")
    yard.add("candidate", NEW, Role.CANDIDATE, release_id)
    ages: list[float] = []
    stop = yard.stop

    def look_before_stopping(ids: Sequence[str], grace_seconds: float = 10.0) -> None:
        with ledger.begin() as db:
            cut = routes.read_route(db, "checkout")
            ages.append((releases.database_now(db) - cut.updated_at).total_seconds())
        stop(ids, grace_seconds)

    monkeypatch.setattr(yard, "stop", look_before_stopping)
    finish.take_back(parts, release_id, fence, "errors", ReleaseState.ROLLED_BACK)
    assert yard.stopped == ["candidate"]
    assert ages[0] >= parts.settings.lease_seconds


def test_a_release_whose_samples_cannot_be_read_ends_all_the_same(
    parts: Parts, ledger: Ledger, yard: Yard
) -> None:
    release_id, fence = release_in(ledger, ReleaseState.STEPPING)
    yard.add("candidate", NEW, Role.CANDIDATE, release_id)
    with ledger.begin() as db:
        db.exec_driver_sql(
            "INSERT INTO samples (release_id, role, at, service, counters)"
            f" VALUES ({release_id}, 'candidate', 1, 'checkout', '{{\"strange\": 1}}')"
        )
    done = finish.take_back(parts, release_id, fence, "errors", ReleaseState.ROLLED_BACK)
    assert (done.state, yard.stopped) == (ReleaseState.ROLLED_BACK, ["candidate"])


def test_copies_that_were_started_after_their_release_had_ended_are_ended(
    parts: Parts, ledger: Ledger, yard: Yard
) -> None:
    release_id, fence = release_in(ledger, ReleaseState.STEPPING)
    finish.take_back(parts, release_id, fence, "errors", ReleaseState.ABANDONED)
    yard.add("stray", NEW, Role.CANDIDATE, release_id)
    reap(parts)
    assert yard.stopped == ["stray"]


def test_an_older_reading_of_the_platform_does_not_undo_a_newer_one(ledger: Ledger) -> None:
    starting = Instance("c", "checkout", NEW, Role.CANDIDATE, 1, InstanceState.STARTING)
    ready = Instance("c", "checkout", NEW, Role.CANDIDATE, 1, InstanceState.READY, "127.0.0.1:1")
    with ledger.begin() as db:
        inventory.assign(db, [starting])
        began = releases.database_now(db)
    with ledger.begin() as db:
        inventory.observe(db, [ready], whole_fleet=False)
    with ledger.begin() as db:
        inventory.observe(db, [starting], whole_fleet=True, began=began)
        inventory.observe(db, [], whole_fleet=True, began=began)
        (seen,) = inventory.instances_of(db, "checkout")
    assert seen.state is InstanceState.READY


def test_a_registry_that_goes_away_refuses_the_release_with_its_address(
    ledger: Ledger, yard: Yard, tmp_path: Path
) -> None:
    settings = hasty(tmp_path, registry_url="http://127.0.0.1:9")
    catalog = Catalog(services={"checkout": ENTRY})
    parts = Parts(settings, ledger, yard, catalog)
    conduct = Conduct.open(parts, service="checkout", image="1.1.0", requested_by="ana")
    with pytest.raises(Refused, match=r"127\.0\.0\.1:9"):
        conduct.verify()
    done = conduct.release()
    assert (done.state, "127.0.0.1:9" in done.reason) == (ReleaseState.REFUSED, True)


@pytest.mark.parametrize("end", [ReleaseState.ABANDONED, ReleaseState.REFUSED])
def test_a_build_whose_release_told_nothing_of_it_may_be_opened_once_more(
    ledger: Ledger, yard: Yard, tmp_path: Path, end: ReleaseState
) -> None:
    parts = Parts(hasty(tmp_path), ledger, yard, Catalog(services={"checkout": ENTRY}))
    ended(parts, end)
    again = Conduct.open(parts, service="checkout", image=BUILD, requested_by="bot", once=True)
    assert again.release().state is ReleaseState.VERIFYING


@pytest.mark.parametrize("end", [ReleaseState.ROLLED_BACK, ReleaseState.PROMOTED])
def test_a_build_that_had_its_release_is_not_opened_again_and_is_told_which_it_was(
    ledger: Ledger, yard: Yard, tmp_path: Path, end: ReleaseState
) -> None:
    parts = Parts(hasty(tmp_path), ledger, yard, Catalog(services={"checkout": ENTRY}))
    first = ended(parts, end)
    with pytest.raises(ReleasedBefore, match=f"its release: {first}, asked for by ana, {end}"):
        Conduct.open(parts, service="checkout", image=BUILD, requested_by="bot", once=True)
    with ledger.begin() as db:
        assert [one.id for one in releases.recent_releases(db, "checkout")] == [first]


def test_a_build_that_is_being_released_is_not_opened_again(
    ledger: Ledger, yard: Yard, tmp_path: Path
) -> None:
    parts = Parts(hasty(tmp_path), ledger, yard, Catalog(services={"checkout": ENTRY}))
    ended(parts, None)
    with pytest.raises(ReleasedBefore, match="verifying"):
        Conduct.open(parts, service="checkout", image=BUILD, requested_by="bot", once=True)


def ended(parts: Parts, end: ReleaseState | None) -> int:
    """A release of BUILD that ended so, or goes on; returns its id."""
    first = Conduct.open(parts, service="checkout", image=BUILD, requested_by="ana").release_id
    with parts.ledger.begin() as db:
        releases.update_release(db, first, "verified", "it is what it says", digest=NEW)
        if end is not None:
            releases.end_release(db, first, end, "a test ended it")
    return first
