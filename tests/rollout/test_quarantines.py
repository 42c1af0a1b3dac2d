"""A column in quarantine and everybody who may give its rights back: real ledger, real database."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterator
from datetime import timedelta
from pathlib import Path

import psycopg
import pytest

from davylamp.errors import Refused, Unreachable
from davylamp.judge.sample import LATENCY_BOUNDS_MS, Role, Sample
from davylamp.ledger.schema import open_quarantines
from davylamp.ledger.session import Ledger
from davylamp.rollout import schema_contract
from davylamp.rollout.quarantine_signal import failures_of_users
from davylamp.rollout.quarantines import LeftBehind
from davylamp.rollout.schema_contract import contract
from davylamp.rollout.schema_work import Listener
from davylamp.schema.quarantine import QuarantineLimits, begin_quarantine, watch_quarantine
from davylamp.schema.quarantine_rights import Held
from davylamp.signals.protocol import Watched
from tests.release_defs.shop import DATABASE, NEW, OLD, Shop, open_shop
from tests.release_defs.world import SERVICE

pytestmark = pytest.mark.server
STATE = Held("public", "orders", "state")
BRIEF = QuarantineLimits(look_seconds=0.05, watch_seconds=0.1)
READ = "SELECT state FROM orders LIMIT 1"


class Users:
    """A source: each reading, 100 more requests, of which so many fail."""

    def __init__(self) -> None:
        self.failing, self.readings, self.failed = 0, 0, 0
        self.answers = True
        self.asked: Collection[Watched] = ()

    def read(self, watched: Collection[Watched]) -> list[Sample]:
        if not self.answers:
            raise Unreachable("Envoy's admin does not answer")
        self.asked = watched
        self.readings += 1
        self.failed += self.failing
        total, nothing = 100 * self.readings, (0,) * (len(LATENCY_BOUNDS_MS) + 1)
        good = total - self.failed
        answers = (0, good, 0, 0, self.failed)
        return [
            Sample(w.service, w.role, w.release_id, self.readings, total, good, self.failed,
                   answers, nothing, 0)
            for w in watched
        ]  # fmt: skip


@pytest.fixture
def shop(
    ledger: Ledger, postgres_server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Shop]:
    with open_shop(ledger, postgres_server, tmp_path, monkeypatch) as opened:
        yield opened


def is_open(shop: Shop) -> bool:
    with shop.ledger.begin() as db:
        return open_quarantines(db) == {DATABASE}


def is_denied(shop: Shop) -> bool:
    try:
        shop.sql(READ, role=shop.role)
    except psycopg.errors.InsufficientPrivilege:
        return True
    return False


def left_behind(shop: Shop) -> None:
    """As after a kill -9: the rights are taken, and nobody watches."""
    work = shop.work()
    work.note("quarantine", "orders.state", "r4")
    begin_quarantine(work.target, STATE, [shop.role], 60, BRIEF)
    time.sleep(0.3)


def test_rights_nobody_watches_are_given_back_and_that_is_written_down(shop: Shop) -> None:
    shop.migrated(10)
    keeper = LeftBehind(shop.world.parts)
    assert keeper.give_back() == {}
    left_behind(shop)
    assert is_denied(shop)
    assert is_open(shop)

    assert keeper.give_back() == {DATABASE: (STATE.id,)}

    assert not is_denied(shop)
    assert not is_open(shop)
    (event,) = shop.events("quarantine_given_back")
    assert (event.by, event.data["rights_given_back"]) == ("keeper", [STATE.id])
    assert keeper.give_back() == {}


def test_a_quarantine_that_is_watched_is_left_alone(shop: Shop) -> None:
    shop.migrated(10)
    work = shop.work()
    work.note("quarantine", "orders.state", "r4")
    begin_quarantine(work.target, STATE, [shop.role], 60)
    assert LeftBehind(shop.world.parts).give_back() == {}
    assert is_denied(shop)


def test_one_that_passed_and_whose_drop_never_came_is_ended_too(shop: Shop) -> None:
    shop.migrated(10)
    work = shop.work()
    work.note("quarantine", "orders.state", "r4")
    begin_quarantine(work.target, STATE, [shop.role], 0.1, BRIEF)
    watch_quarantine(work.target, STATE, limits=BRIEF)
    assert LeftBehind(shop.world.parts).give_back() == {}  # the drop may be on its way
    time.sleep(0.3)
    keeper = LeftBehind(shop.world.parts, timedelta(seconds=0.1))
    assert keeper.give_back() == {DATABASE: (STATE.id,)}
    assert not is_denied(shop)


def test_a_database_that_does_not_answer_is_left_for_later(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.migrated(10)
    left_behind(shop)
    keeper = LeftBehind(shop.world.parts)
    monkeypatch.setenv("SHOP_URL", "postgresql://postgres@127.0.0.1:9/none")
    assert keeper.give_back() == {}
    monkeypatch.delenv("SHOP_URL")
    assert keeper.give_back() == {}
    monkeypatch.setenv("SHOP_URL", shop.url)
    assert keeper.give_back() == {DATABASE: (STATE.id,)}


def test_a_drop_that_nobody_missed_leaves_nothing_open(shop: Shop) -> None:
    shop.migrated(10)
    looks: list[float] = []
    done = contract(shop.work(tell=Listener(on_look=looks.append)))
    assert done.applied == ("r4",)
    assert looks
    assert not is_open(shop)
    assert shop.sql("SELECT count(status) FROM orders") == [(10,)]
    assert [e.kind for e in shop.events()][-3:] == ["quarantine", "no_return", "contracted"]


def test_users_who_fail_during_a_quarantine_give_the_rights_back(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.migrated(10)
    users = Users()
    monkeypatch.setattr("davylamp.rollout.quarantine_signal.open_source", lambda _: users)
    entry = shop.work().entry.model_copy(update={"quarantine_seconds": 60.0})

    def look(_: float) -> None:
        users.failing = 10

    work = shop.work(tell=Listener(on_look=look))
    object.__setattr__(work, "entry", entry)
    with pytest.raises(Refused, match=rf"{SERVICE} failed 10 of 100 requests"):
        contract(work)
    assert [w.role for w in users.asked] == [Role.STABLE]
    assert not is_denied(shop)
    assert not is_open(shop)
    (stopped,) = shop.events("contract_stopped")
    assert (stopped.revision, stopped.data["rights_left"]) == ("r4", [])


def test_rights_that_could_not_be_given_back_stay_with_the_keeper(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.migrated(10)

    def gone(*_: object, **__: object) -> None:
        raise Unreachable("the database is gone")

    monkeypatch.setattr(schema_contract, "watch_quarantine", gone)
    monkeypatch.setattr(schema_contract, "end_quarantine", gone)
    with pytest.raises(Unreachable):
        contract(shop.work())
    (stopped,) = shop.events("contract_stopped")
    assert stopped.data["rights_left"] == [STATE.id]
    assert is_open(shop)


def test_a_gate_that_says_no_gives_back_what_an_earlier_run_took(shop: Shop) -> None:
    shop.migrated(10)
    left_behind(shop)
    digest = shop.push("1.0.1", OLD, 4)
    shop.live("1.0.1", digest, OLD)
    with pytest.raises(Refused, match=r"checkout 1\.0\.1"):
        contract(shop.work())
    assert not is_denied(shop)


def test_a_source_that_does_not_answer_says_nothing(shop: Shop) -> None:
    users = Users()
    users.answers = False
    with failures_of_users(shop.world.parts, DATABASE, users) as signal:
        assert signal() == ""
    with failures_of_users(shop.world.parts, DATABASE) as signal:  # no address is known
        assert signal() == ""


def test_only_services_of_that_database_are_asked(shop: Shop) -> None:
    digest = shop.push("1.0.0", NEW, 1)
    shop.live("1.0.0", digest, NEW)
    users, others = Users(), Users()
    with failures_of_users(shop.world.parts, DATABASE, users):
        pass
    with failures_of_users(shop.world.parts, "audit", others):
        pass
    assert users.asked == [Watched(SERVICE, Role.STABLE, 1)]
    assert others.readings == 0
