"""Builds that must not run, and copies that don't: each ends with a reason, stable serving."""

from __future__ import annotations

import pytest

from tests.live_plane import LivePlane

pytestmark = [pytest.mark.server, pytest.mark.timeout(240)]


@pytest.fixture(scope="module")
def stable(plane: LivePlane) -> str:
    return plane.stable("payments")


def refused(plane: LivePlane, stable: str, image: str, state: str, why: str) -> None:
    done = plane.release("payments", image)
    assert (str(done.state), why in done.reason) == (state, True), done.reason
    assert plane.versions_served("payments") == {stable}
    assert plane.processes_of(done.id) == []


def test_an_unsigned_image_is_waited_for_and_then_refused(plane: LivePlane, stable: str) -> None:
    version = plane.push("payments", sign=False)
    refused(plane, stable, version, "refused", "is not signed")


def test_an_image_that_does_not_exist_is_refused(plane: LivePlane, stable: str) -> None:
    before = plane.last_release("payments").id
    asked = plane.run("release", "payments", "9.9.9", check=False)
    assert (asked.returncode, "9.9.9" in asked.stderr) == (2, True)
    assert plane.last_release("payments").id == before
    assert plane.versions_served("payments") == {stable}


def test_an_image_that_starts_and_dies_is_taken_back_with_its_last_words(
    plane: LivePlane, stable: str
) -> None:
    version = plane.push("payments", die_after=0)
    refused(plane, stable, version, "rolled_back", "did not start")


def test_an_image_that_never_listens_is_taken_back(plane: LivePlane, stable: str) -> None:
    version = plane.push("payments", never_listen=1)
    refused(plane, stable, version, "rolled_back", "did not start")


def test_a_frozen_service_takes_no_release_until_it_is_thawed(
    plane: LivePlane, stable: str
) -> None:
    version = plane.push("payments")
    plane.run("freeze", "payments", "--why", "audit week")
    refused(plane, stable, version, "refused", "audit week")
    plane.run("thaw", "payments")
