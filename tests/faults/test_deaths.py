"""Whatever dies in the middle of a release: users end up on stable, and the ledger says why."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace

import pytest

from davylamp.rollout import operate
from tests.live_plane import LivePlane, Load, wait_for

pytestmark = [pytest.mark.server, pytest.mark.timeout(300)]
SERVICE = "search"
BUILDS = {"verifying": {"sign": False}, "starting": {"never_listen": 1}}
"""What is pushed so that a release stays in a state that is short otherwise."""


@pytest.fixture
def stable(plane: LivePlane) -> str:
    return plane.stable(SERVICE)


@dataclass(frozen=True)
class Canary:
    """A release in the middle of its canary, under light load."""

    version: str
    driver: int
    """Process id."""
    load: Load


@pytest.fixture
def canary(plane: LivePlane, stable: str) -> Iterator[Canary]:
    version = plane.push(SERVICE)
    with plane.load(SERVICE, rate=30) as load:
        driver = plane.begin_release(SERVICE, version)
        plane.wait_for_state(SERVICE, "stepping")
        wait_for(lambda: plane.asked_as_tester(SERVICE) == version, 20)
        yield Canary(version, driver.pid, load)
        driver.kill()
        driver.wait(10)
    wait_for(lambda: plane.last_release(SERVICE).state.is_end, 60)


@pytest.fixture
def impatient(plane: LivePlane) -> LivePlane:
    """The same plane, for a driver that waits a short time only for its router."""
    return replace(plane, environment=plane.environment | {"DAVYLAMP_CONFIRM_SECONDS": "6"})


def bring_to(plane: LivePlane, state: str, load: Load, version: str) -> None:
    """Wait until the active release is in a state; where users meet it then, until they do."""
    if state in ("held", "promoting", "confirming"):
        plane.wait_for_state(SERVICE, "stepping")
        wish = operate.hold if state == "held" else operate.promote
        wish(plane.ledger, SERVICE, "tests", "to get there")
    plane.wait_for_state(SERVICE, state)
    if state in ("stepping", "held"):
        wait_for(lambda: load.last_met(version) > 0)
    if state == "promoting":
        wait_for(lambda: plane.has_everybody(SERVICE))


@pytest.mark.parametrize(
    "state", ["verifying", "starting", "stepping", "held", "promoting", "confirming"]
)
def test_a_driver_killed_in_any_state_leaves_users_on_a_stable_build_and_nothing_else_running(
    plane: LivePlane, stable: str, state: str
) -> None:
    version = plane.push(SERVICE, **BUILDS.get(state, {}))
    with plane.load(SERVICE, rate=30) as load:
        driver = plane.begin_release(SERVICE, version)
        bring_to(plane, state, load, version)
        driver.kill()
        driver.wait(10)
        lease_ends = plane.route(SERVICE).lease_expires_at
        done = plane.wait_for_end(SERVICE, seconds=60)
        served = version if state == "confirming" else stable
        wait_for(lambda: plane.versions_served(SERVICE) == {served}, 20)
    assert load.failures() == []
    if state == "confirming":
        assert done.state == "promoted", done.reason
        assert {i.digest for i in plane.copies_of_service(SERVICE)} == {done.digest}
        return
    assert (done.state, "nobody renewed its lease" in done.reason) == ("abandoned", True)
    assert plane.processes_of(done.id) == []
    # the promise itself, not a speed: nobody meets the candidate once its lease has run out
    assert load.last_met(version) <= lease_ends.timestamp() + 1.0


def test_a_stopped_driver_is_not_believed_when_it_comes_back(
    plane: LivePlane, stable: str, canary: Canary
) -> None:
    os.kill(canary.driver, signal.SIGSTOP)
    try:
        done = plane.wait_for_state(SERVICE, "abandoned", seconds=40)
    finally:
        os.kill(canary.driver, signal.SIGCONT)
    assert plane.versions_served(SERVICE) == {stable}
    wait_for(lambda: plane.processes_of(done.id) == [], 20)
    assert plane.last_release(SERVICE).state == "abandoned"
    assert canary.load.failures() == []


def test_a_controller_stopped_in_the_watch_makes_nothing_stable(
    plane: LivePlane, impatient: LivePlane, stable: str
) -> None:
    version = plane.push(SERVICE)
    with plane.load(SERVICE, rate=30) as load:
        driver = impatient.begin_release(SERVICE, version)
        plane.wait_for_state(SERVICE, "stepping")
        operate.promote(plane.ledger, SERVICE, "tests", "to get there")
        wait_for(lambda: plane.has_everybody(SERVICE))
        controller = plane.pid_of("controller")
        os.kill(controller, signal.SIGSTOP)
        try:
            done = plane.wait_for_end(SERVICE, seconds=60)
            assert plane.versions_served(SERVICE) == {stable}  # by the TTL: nobody else can
        finally:
            os.kill(controller, signal.SIGCONT)
        driver.wait(30)
    assert (done.state, "no router confirmed" in done.reason) == ("rolled_back", True), done.reason
    assert plane.stable(SERVICE) == stable
    assert plane.processes_of(done.id) == []
    assert load.failures() == []


def test_a_controller_stopped_in_a_step_takes_users_back_by_the_ttl_and_ends_the_release(
    plane: LivePlane, impatient: LivePlane, stable: str
) -> None:
    version = plane.push(SERVICE)
    with plane.load(SERVICE, rate=30) as load:
        driver = impatient.begin_release(SERVICE, version)
        bring_to(plane, "stepping", load, version)
        controller = plane.pid_of("controller")
        os.kill(controller, signal.SIGSTOP)
        try:
            wait_for(lambda: plane.asked_as_tester(SERVICE) == stable, 15)
            assert plane.versions_served(SERVICE) == {stable}
            done = plane.wait_for_end(SERVICE, seconds=90)
        finally:
            os.kill(controller, signal.SIGCONT)
        driver.wait(30)
    assert done.state == "rolled_back"
    assert any(why in done.reason for why in ("no router confirmed", "requests at this step"))
    assert plane.processes_of(done.id) == []
    assert load.failures() == []


def test_a_killed_controller_is_restarted_and_no_user_notices(
    plane: LivePlane, stable: str, canary: Canary
) -> None:
    controller = plane.pid_of("controller")
    os.kill(controller, signal.SIGKILL)
    wait_for(lambda: plane.pid_of("controller") not in (0, controller), 20)
    plane.run("rollback", SERVICE)
    wait_for(lambda: plane.asked_as_tester(SERVICE) == stable, 20)
    assert canary.version not in plane.versions_served(SERVICE)
    assert canary.load.failures() == []


def test_a_killed_envoy_comes_back_to_the_share_somebody_vouches_for(
    plane: LivePlane, stable: str, canary: Canary
) -> None:
    envoy = plane.pid_of("envoy")
    os.kill(envoy, signal.SIGKILL)
    wait_for(lambda: plane.pid_of("envoy") not in (0, envoy), 30)
    wait_for(lambda: plane.serves(SERVICE), 30)
    wait_for(lambda: plane.asked_as_tester(SERVICE) == canary.version, 30)
    back_at = time.time()  # records are written half a second late, so they tell by their time
    plane.run("rollback", SERVICE, "--why", "Envoy was killed")
    done = plane.wait_for_end(SERVICE, seconds=60)
    assert (done.state, "Envoy was killed" in done.reason) == ("rolled_back", True), done.reason
    assert plane.versions_served(SERVICE) == {stable}
    assert plane.processes_of(done.id) == []
    assert [r for r in canary.load.failures() if float(r["at"]) > back_at] == []


def test_an_envoy_killed_with_its_driver_comes_back_on_stable(
    plane: LivePlane, stable: str, canary: Canary
) -> None:
    os.kill(canary.driver, signal.SIGKILL)  # nobody vouches for the candidate any more
    os.kill(plane.pid_of("envoy"), signal.SIGKILL)
    wait_for(lambda: plane.serves(SERVICE), 30)
    done = plane.wait_for_state(SERVICE, "abandoned", seconds=60)
    assert plane.versions_served(SERVICE) == {stable}
    wait_for(lambda: plane.processes_of(done.id) == [], 20)


def test_a_candidate_whose_copies_keep_dying_is_taken_back_and_users_do_not_see_it(
    plane: LivePlane, stable: str, canary: Canary
) -> None:
    release = plane.last_release(SERVICE)

    def killed_until_it_ended() -> bool:
        for pid in plane.pids_of_role(release.id, "candidate"):
            os.kill(pid, signal.SIGKILL)
        return plane.last_release(SERVICE).state.is_end

    wait_for(killed_until_it_ended, 90)
    done = plane.last_release(SERVICE)
    assert done.state == "rolled_back"
    assert plane.versions_served(SERVICE) == {stable}
    assert plane.processes_of(done.id) == []
    reads = [f for f in canary.load.failures() if f["method"] in ("GET", "HEAD")]
    assert reads == []  # the shield repeats them on stable; a POST is never sent twice
