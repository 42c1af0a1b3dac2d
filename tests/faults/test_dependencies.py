"""A registry, a ledger or a whole plane that goes away: a reason in the ledger, stable serving."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress

import psutil
import pytest

from davylamp.rollout import operate
from tests.live_plane import LEASE_SECONDS, LivePlane, live_plane, wait_for

pytestmark = [pytest.mark.server, pytest.mark.slow, pytest.mark.timeout(300)]
SERVICE = "cart"


def test_a_registry_that_does_not_answer_is_an_error_that_says_where_before_anything_begins(
    plane: LivePlane,
) -> None:
    stable = plane.stable(SERVICE)
    version = plane.push(SERVICE)
    away = LivePlane(
        plane.home, plane.environment | {"DAVYLAMP_REGISTRY_URL": "http://127.0.0.1:9"}
    )
    before = plane.last_release(SERVICE).id
    asked = away.run("release", SERVICE, version, check=False)
    assert (asked.returncode, "127.0.0.1:9" in asked.stderr) == (3, True)
    assert plane.last_release(SERVICE).id == before
    assert plane.versions_served(SERVICE) == {stable}


ENDS = {
    "verifying": {"refused", "rolled_back", "abandoned"},
    "starting": {"promoted", "rolled_back", "abandoned"},
    "held": {"rolled_back", "abandoned"},
    "promoting": {"promoted", "rolled_back", "abandoned"},
    "confirming": {"promoted"},
    "rolling_back": {"rolled_back"},
}
"""How a release may end whose ledger was killed in a state. Which of them depends on whether it
is back within the lease."""


@pytest.mark.parametrize("state", ENDS)
def test_a_ledger_killed_in_any_state_takes_nobody_with_it(plane: LivePlane, state: str) -> None:
    stable = plane.stable(SERVICE)
    version = plane.push(SERVICE, sign=state != "verifying")
    process = plane.begin_release(SERVICE, version)
    bring_to(plane, state)
    os.kill(plane.pid_of("postgres"), signal.SIGKILL)
    if state == "starting":  # or it would wait for users who never come
        wait_for(lambda: plane.run("promote", SERVICE, check=False).returncode in (0, 1), 60)
    done = plane.wait_for_end(SERVICE, seconds=120)
    process.wait(60)
    assert str(done.state) in ENDS[state], done.reason
    assert done.reason
    promoted = done.state == "promoted"
    assert plane.stable(SERVICE) == (version if promoted else stable)
    wait_for(lambda: plane.versions_served(SERVICE) == {plane.stable(SERVICE)}, 30)
    wait_for(lambda: promoted or plane.processes_of(done.id) == [], 30)


def bring_to(plane: LivePlane, state: str) -> None:
    if state in ("verifying", "starting"):
        plane.wait_for_state(SERVICE, state)
        return
    plane.wait_for_state(SERVICE, "stepping")
    if state == "rolling_back":
        operate.roll_back(plane.ledger, SERVICE, "tests", "to get there")
    else:
        wish = operate.hold if state == "held" else operate.promote
        wish(plane.ledger, SERVICE, "tests", "to get there")
    plane.wait_for_state(SERVICE, state)


def test_a_ledger_away_for_longer_than_the_lease_leaves_users_on_stable_and_ends_the_release(
    plane: LivePlane,
) -> None:
    stable, version = plane.stable(SERVICE), plane.push(SERVICE)
    with plane.load(SERVICE, rate=30) as load:
        process = plane.begin_release(SERVICE, version)
        plane.wait_for_state(SERVICE, "stepping")
        wait_for(lambda: load.last_met(version) > 0)
        server = psutil.Process(plane.pid_of("postgres"))
        with frozen([server, *server.children(recursive=True)]):
            lease_ends = time.time() + LEASE_SECONDS  # granted before, so not later than this
            wait_for(lambda: time.time() > lease_ends + 3, 30)
            assert plane.versions_served(SERVICE) == {stable}
        done = plane.wait_for_end(SERVICE, seconds=60)
        process.wait(60)
    assert load.last_met(version) <= lease_ends + 1.0
    assert load.failures() == []
    assert str(done.state) in ("rolled_back", "abandoned")
    assert any(word in done.reason for word in ("lease", "ledger", "taken away")), done.reason
    assert plane.stable(SERVICE) == stable
    wait_for(lambda: plane.processes_of(done.id) == [], 30)


@contextmanager
def frozen(processes: Sequence[psutil.Process]) -> Iterator[None]:
    """Processes that are there, and answer nothing, while the block lasts."""
    for process in processes:
        process.suspend()
    try:
        yield
    finally:
        for process in processes:
            with suppress(psutil.NoSuchProcess):
                process.resume()


def test_a_plane_killed_during_a_release_comes_back_with_stable_and_without_the_candidate(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    with live_plane(tmp_path_factory.mktemp("killed")) as plane:
        stable = plane.stable(SERVICE)
        driver = plane.begin_release(SERVICE, plane.push(SERVICE))
        plane.wait_for_state(SERVICE, "stepping")
        os.kill(plane.ask("status")["plane"]["pid"], signal.SIGKILL)
        driver.wait(90)
        plane.run("up", "--any-port")
        done = plane.wait_for_end(SERVICE, seconds=60)
        assert done.state in ("abandoned", "rolled_back")
        assert done.reason
        wait_for(lambda: plane.serves(SERVICE), 30)
        assert plane.versions_served(SERVICE) == {stable}
        wait_for(lambda: plane.processes_of(done.id) == [], 30)
