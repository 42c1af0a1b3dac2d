"""A registry, a ledger or a whole plane that goes away: a reason in the ledger, stable serving."""

from __future__ import annotations

import os
import signal

import pytest

from tests.live_plane import LivePlane, live_plane, wait_for

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


@pytest.mark.parametrize("state", ["starting", "promoting", "confirming"])
def test_a_ledger_killed_at_any_stage_takes_nobody_with_it(plane: LivePlane, state: str) -> None:
    stable = plane.stable(SERVICE)
    version = plane.push(SERVICE)
    process = plane.begin_release(SERVICE, version)
    if state != "starting":
        plane.wait_for_state(SERVICE, "stepping")
        plane.run("promote", SERVICE)
    plane.wait_for_state(SERVICE, state)
    os.kill(plane.pid_of("postgres"), signal.SIGKILL)
    done = plane.wait_for_end(SERVICE, seconds=120)
    process.wait(60)
    assert done.reason
    wait_for(lambda: plane.versions_served(SERVICE) == {plane.stable(SERVICE)}, 30)
    promoted = done.state in ("promoted", "unconfirmed")
    assert plane.stable(SERVICE) == (version if promoted else stable)
    wait_for(lambda: promoted or plane.processes_of(done.id) == [], 30)


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
