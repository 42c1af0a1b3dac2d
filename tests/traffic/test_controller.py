"""The controller's process between a real ledger and a real Envoy, and what its death does."""

from __future__ import annotations

import signal
import time

import pytest

from davylamp.judge.sample import Role
from davylamp.ledger import routes

pytestmark = pytest.mark.server

HOST = "checkout.shop"
USERS = [f"user-{n}" for n in range(30)]


@pytest.fixture
def stable(backend):
    return backend("stable")


@pytest.fixture
def candidate(backend):
    return backend("candidate")


@pytest.fixture
def live(stage, stable, candidate):
    """A controller is active, and half the users meet the candidate."""
    stage.controller()
    stage.envoy.start()
    stage.copies(Role.STABLE, stable)
    stage.copies(Role.CANDIDATE, candidate, release_id=7)
    stage.candidate_at(0.5)
    return stage


def shares_seen(ask) -> set[str]:
    return {ask.build(user) for user in USERS}


def wait_for_stable(ask, seconds: float = 15.0) -> None:
    """Until thirty users in a row got stable."""
    begun = time.monotonic()
    while shares_seen(ask) != {"stable"}:
        assert time.monotonic() - begun < seconds, "the candidate still gets requests"
        time.sleep(0.1)


def wait_for_candidate(ask, seconds: float = 15.0) -> None:
    deadline = time.monotonic() + seconds
    while "candidate" not in shares_seen(ask):
        assert time.monotonic() < deadline, "the candidate gets no requests"
        time.sleep(0.1)


def test_a_share_in_the_ledger_reaches_users_and_is_confirmed(live, ask):
    assert shares_seen(ask) == {"stable", "candidate"}


def test_a_cut_by_an_operator_returns_everybody_to_stable(live, ask, load, envoy):
    with load(envoy.listener_port, HOST) as users:
        time.sleep(0.5)
        live.wait_confirmed(live.cut())
        assert shares_seen(ask) == {"stable"}
        answers = users.stop()
    assert answers.failures == []
    assert answers.builds["candidate"] > 10


def test_lease_not_renewed_returns_all_traffic_to_stable(live, ask, load, envoy):
    with load(envoy.listener_port, HOST) as users:
        with live.ledger.begin() as db:
            held = routes.read_route(db, "checkout")
            routes.renew_lease(db, "checkout", held.fence, 2.0)
        renewed = time.monotonic()
        assert shares_seen(ask) == {"stable", "candidate"}
        wait_for_stable(ask)
        answers = users.stop()
    assert answers.failures == []
    assert answers.last_seen["candidate"] - renewed < 3.0
    assert answers.last_seen["stable"] > answers.last_seen["candidate"]


def test_a_renewed_lease_keeps_the_candidate_beyond_the_time_to_live(live, ask):
    with live.ledger.begin() as db:
        held = routes.read_route(db, "checkout")
    end = time.monotonic() + 2 * live.ttl_seconds
    while time.monotonic() < end:
        with live.ledger.begin() as db:
            routes.renew_lease(db, "checkout", held.fence, 3.0)
        assert "candidate" in shares_seen(ask)
        time.sleep(0.2)


def test_one_lease_that_ends_does_not_take_others_with_it(live, ask):
    with live.ledger.begin() as db:
        held = routes.take_route(db, "cart", 9, 1, 60)
        routes.set_shares(
            db, "cart", held.fence, candidate=0.5, baseline=0, lease_seconds=1.5, reason="a step"
        )
    end = time.monotonic() + 2.5
    while time.monotonic() < end:
        assert "candidate" in shares_seen(ask)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP, signal.SIGTERM])
def test_without_its_controller_envoy_returns_to_stable_by_itself(live, ask, load, envoy, number):
    with load(envoy.listener_port, HOST) as users:
        time.sleep(0.3)
        live.controllers[0].signal(number)
        stopped = time.monotonic()
        wait_for_stable(ask, live.ttl_seconds + 5)
        time.sleep(0.3)
        answers = users.stop()
    assert answers.failures == []
    assert answers.last_seen["candidate"] - stopped < live.ttl_seconds + 1.0
    assert answers.last_seen["stable"] > answers.last_seen["candidate"]


def test_a_controller_that_was_frozen_asks_the_ledger_before_it_vouches_again(live, ask):
    frozen = live.controllers[0]
    frozen.signal(signal.SIGSTOP)
    wait_for_stable(ask)
    cut = live.cut()
    frozen.signal(signal.SIGCONT)
    live.wait_confirmed(cut)
    assert shares_seen(ask) == {"stable"}
    assert not frozen.has_said("envoy refused the shares")


def test_a_restarted_envoy_comes_back_to_the_right_state(live, ask, envoy):
    envoy.kill()
    envoy.start()
    wait_for_candidate(ask)
    live.wait_confirmed(live.cut())
    assert shares_seen(ask) == {"stable"}


def test_an_envoy_restarted_without_a_controller_serves_stable(live, ask, envoy):
    envoy.kill()
    live.controllers[0].end()
    envoy.start()
    assert shares_seen(ask) == {"stable"}


def test_a_roll_back_while_envoy_is_down_is_confirmed_once_it_is_up(live, ask, envoy):
    envoy.kill()
    cut = live.cut()
    time.sleep(1.0)
    with live.ledger.begin() as db:
        assert not routes.read_route(db, "checkout").is_confirmed
    envoy.start()
    assert shares_seen(ask) == {"stable"}
    live.wait_confirmed(cut)


def test_of_two_controllers_one_is_active_and_the_other_takes_over(live, ask, load, envoy):
    first, second = live.controllers[0], live.controller()
    assert _soon(lambda: second.has_said("waiting to become active"))
    time.sleep(1.0)
    assert first.has_said("active")
    assert not second.has_said("active")
    with load(envoy.listener_port, HOST) as users:
        first.end()
        assert _soon(lambda: second.has_said("active"))
        wait_for_candidate(ask)
        live.wait_confirmed(live.cut())
        assert shares_seen(ask) == {"stable"}
        answers = users.stop()
    assert answers.failures == []


def test_an_active_controller_that_lost_its_connection_gets_it_back(live, ask):
    controller = live.controllers[0]
    with live.ledger.begin() as db:
        db.exec_driver_sql(
            "SELECT pg_terminate_backend(l.pid) FROM pg_locks l JOIN pg_database d"
            " ON d.oid = l.database WHERE l.locktype = 'advisory'"
            " AND d.datname = current_database()"
        )
    assert _soon(lambda: controller.has_said("the connection that listens was lost"))
    end = time.monotonic() + 1.5
    while time.monotonic() < end:
        assert "candidate" in shares_seen(ask)
    live.wait_confirmed(live.cut())
    assert not controller.has_said("another controller is active; stepping down")


@pytest.mark.parametrize("how", ["refuses", "hangs"])
def test_shares_outlive_a_ledger_only_as_long_as_their_lease(
    stage, stable, candidate, ask, load, envoy, proxy, how
):
    link = proxy(stage.ledger_url)
    stage.ledger_url = link.url
    stage.controller()
    stage.envoy.start()
    stage.copies(Role.STABLE, stable)
    stage.copies(Role.CANDIDATE, candidate, release_id=7)
    held = stage.candidate_at(0.5)
    with stage.ledger.begin() as db:
        routes.renew_lease(db, "checkout", held.fence, 5.0)
    renewed = time.monotonic()
    time.sleep(1.2)  # the controller has read it
    link.cut() if how == "refuses" else link.freeze()
    with load(envoy.listener_port, HOST) as users:
        wait_for_stable(ask)
        answers = users.stop()
    assert answers.failures == []
    assert answers.last_seen["candidate"] - renewed < 6.0  # the answer of the last one may be late
    link.heal()
    with stage.ledger.begin() as db:
        newer = routes.take_route(db, "checkout", 7, 42, 60)
    stage.wait_confirmed(stage.share(newer, 0.5))
    wait_for_candidate(ask)


def test_endpoints_that_change_are_followed_without_a_word_from_the_release(
    live, ask, backend, load, envoy
):
    with load(envoy.listener_port, HOST, method="POST") as users:
        newer = backend("stable-2")
        live.copies(Role.STABLE, newer)
        assert _soon(lambda: "stable-2" in shares_seen(ask))
        assert _soon(lambda: "stable" not in shares_seen(ask))
        answers = users.stop()
    assert answers.failures == []


def test_a_candidate_whose_last_copy_is_stopped_gets_no_more_requests(live, ask, load, envoy):
    with load(envoy.listener_port, HOST, method="POST") as users:
        live.copies(Role.CANDIDATE, release_id=7)
        wait_for_stable(ask)
        answers = users.stop()
    assert answers.failures == []


def test_a_broken_catalog_changes_nothing(live, ask):
    (live.catalog / "checkout.yaml").write_text("name: [")
    time.sleep(1.5)
    assert shares_seen(ask) == {"stable", "candidate"}
    live.wait_confirmed(live.cut())
    assert live.controllers[0].has_said("the catalog is broken; the last good one stays")


def _soon(true, seconds: float = 15.0) -> bool:
    deadline = time.monotonic() + seconds
    while not true():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True
