"""Whatever dies in the middle of a release: users end up on stable, and the ledger says why."""

from __future__ import annotations

import os
import signal
from collections.abc import Generator

import pytest

from tests.live_plane import LivePlane, wait_for

pytestmark = [pytest.mark.server, pytest.mark.timeout(300)]
SERVICE = "search"


@pytest.fixture(scope="module")
def stable(plane: LivePlane) -> str:
    return plane.stable(SERVICE)


@pytest.fixture
def candidate(plane: LivePlane, stable: str) -> Generator[tuple[str, int]]:
    """A release in the middle of its canary, under light load: version, and its driver's pid."""
    version = plane.push(SERVICE)
    with plane.load(SERVICE, rate=20):
        process = plane.begin_release(SERVICE, version)
        plane.wait_for_state(SERVICE, "stepping")
        wait_for(lambda: plane.asked_as_tester(SERVICE) == version, 20)
        yield version, process.pid
        process.kill()
        process.wait(10)
    wait_for(lambda: plane.last_release(SERVICE).state.is_end, 60)


def test_a_driver_killed_in_the_middle_is_abandoned_and_leaves_nothing_running(
    plane: LivePlane, stable: str, candidate: tuple[str, int]
) -> None:
    _, pid = candidate
    os.kill(pid, signal.SIGKILL)
    wait_for(lambda: plane.route_is_stable(SERVICE), 20)
    done = plane.wait_for_state(SERVICE, "abandoned", seconds=40)
    assert "its run has died" in done.reason
    assert plane.versions_served(SERVICE) == {stable}
    wait_for(lambda: plane.processes_of(done.id) == [], 20)


def test_a_stopped_driver_is_not_believed_when_it_comes_back(
    plane: LivePlane, stable: str, candidate: tuple[str, int]
) -> None:
    _, pid = candidate
    os.kill(pid, signal.SIGSTOP)
    try:
        done = plane.wait_for_state(SERVICE, "abandoned", seconds=40)
    finally:
        os.kill(pid, signal.SIGCONT)
    assert plane.versions_served(SERVICE) == {stable}
    wait_for(lambda: plane.processes_of(done.id) == [], 20)
    assert plane.last_release(SERVICE).state == "abandoned"


def test_a_stopped_controller_leaves_users_on_stable_by_the_ttl(
    plane: LivePlane, stable: str, candidate: tuple[str, int]
) -> None:
    controller = plane.pid_of("controller")
    os.kill(controller, signal.SIGSTOP)
    try:
        wait_for(lambda: plane.asked_as_tester(SERVICE) == stable, 15)
        assert plane.versions_served(SERVICE) == {stable}
    finally:
        os.kill(controller, signal.SIGCONT)


def test_a_killed_controller_is_restarted_and_no_user_notices(
    plane: LivePlane, stable: str, candidate: tuple[str, int]
) -> None:
    version, _ = candidate
    controller = plane.pid_of("controller")
    os.kill(controller, signal.SIGKILL)
    wait_for(lambda: plane.pid_of("controller") not in (0, controller), 20)
    plane.run("rollback", SERVICE)
    wait_for(lambda: plane.asked_as_tester(SERVICE) == stable, 20)
    assert version not in plane.versions_served(SERVICE)


def test_a_killed_envoy_comes_back_on_stable(
    plane: LivePlane, stable: str, candidate: tuple[str, int]
) -> None:
    version, pid = candidate
    os.kill(pid, signal.SIGKILL)  # nobody vouches for the candidate any more
    os.kill(plane.pid_of("envoy"), signal.SIGKILL)
    wait_for(lambda: plane.serves(SERVICE), 30)
    wait_for(lambda: plane.versions_served(SERVICE) == {stable}, 20)
    assert version not in plane.versions_served(SERVICE)


def test_a_killed_ledger_takes_nobody_with_it_and_the_release_still_ends(
    plane: LivePlane, stable: str, candidate: tuple[str, int]
) -> None:
    os.kill(plane.pid_of("postgres"), signal.SIGKILL)
    wait_for(lambda: plane.serves(SERVICE), 10)
    done = plane.wait_for_end(SERVICE, seconds=90)
    assert done.reason
    assert plane.serves(SERVICE)


def test_a_killed_candidate_copy_ends_the_release_and_users_do_not_see_it(
    plane: LivePlane, stable: str, candidate: tuple[str, int]
) -> None:
    release = plane.last_release(SERVICE)
    for _ in range(8):
        for pid in plane.pids_of_role(release.id, "candidate"):
            os.kill(pid, signal.SIGKILL)
        if plane.last_release(SERVICE).state.is_end:
            break
        plane.pause(0.7)
    done = plane.wait_for_end(SERVICE, seconds=60)
    assert done.state in ("rolled_back", "promoted")
    assert plane.serves(SERVICE)
