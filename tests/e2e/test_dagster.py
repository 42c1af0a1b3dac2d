"""Releases as Dagster runs: launched by sensors, cancelled in the UI, killed in the middle."""

from __future__ import annotations

import os
import signal
from typing import Any

import httpx
import psycopg
import pytest

from release_defs.launcher.worker import WORKER_TAG
from tests.live_plane import LivePlane, wait_for

pytestmark = [pytest.mark.server, pytest.mark.slow, pytest.mark.timeout(400)]
SERVICE = "orders"

RUNS = """
query($tag: String!) { runsOrError(filter: {tags: [{key: "davylamp/service", value: $tag}]}) {
  ... on Runs { results { runId status tags { key value } } } } }
"""
LAUNCH = """
mutation($config: RunConfigData!) { launchRun(executionParams: {runConfigData: $config, selector: {
  repositoryLocationName: "davylamp", repositoryName: "__repository__", jobName: "release_canary"
}}) {
  __typename
  ... on LaunchRunSuccess { run { runId } }
  ... on RunConfigValidationInvalid { errors { message } }
} }
"""
RUN = """
query($id: ID!) { runOrError(runId: $id) { ... on Run {
  runId status tags { key value } stepStats { stepKey status }
} } }
"""
TERMINATE = "mutation($id: String!) { terminateRun(runId: $id) { __typename } }"


@pytest.fixture(scope="module")
def dagster(plane: LivePlane) -> LivePlane:
    """The session's plane, with Dagster: its sensors release whatever is pushed."""
    plane.run("up", "--any-port", "--dagster")
    yield plane
    plane.run("down")
    plane.run("up", "--any-port")


@pytest.fixture(scope="module")
def stable(dagster: LivePlane) -> str:
    version = dagster.push(SERVICE)
    wait_for(lambda: dagster.has_released(SERVICE), 60)
    done = dagster.wait_for_end(SERVICE, 60)
    assert (done.state, done.version) == ("promoted", version), done.reason
    return version


def ask(plane: LivePlane, query: str, **variables: object) -> dict[str, Any]:
    body = {"query": query, "variables": variables}
    answer = httpx.post(f"{plane.addresses.dagster_url}/graphql", json=body, timeout=30)
    return answer.json()["data"]


def newest_run(plane: LivePlane) -> dict[str, Any]:
    return ask(plane, RUNS, tag=SERVICE)["runsOrError"]["results"][0]


def the_worker(plane: LivePlane) -> int:
    """The process that conducts the service's release: the zygote has others, for audits."""
    storage = plane.addresses.dagster_storage_url.replace("+psycopg2", "")
    wanted = [plane.last_release(SERVICE).run_id, WORKER_TAG]
    with psycopg.connect(storage) as db:
        query = "SELECT value FROM run_tags WHERE run_id = %s AND key = %s"
        ((tag,),) = db.execute(query, wanted).fetchall()
    return int(tag.partition("@")[0])


def outcome(run: dict[str, Any]) -> str:
    return next((t["value"] for t in run["tags"] if t["key"] == "davylamp/outcome"), "")


def candidate_meets_users(plane: LivePlane, version: str) -> None:
    wait_for(lambda: plane.last_release(SERVICE).version == version, 60)
    plane.wait_for_state(SERVICE, "stepping")
    wait_for(lambda: plane.asked_as_tester(SERVICE) == version, 30)


def test_a_pushed_build_is_released_by_the_sensor_and_a_bad_one_taken_back(
    dagster: LivePlane, stable: str
) -> None:
    with dagster.load(SERVICE):
        bad = dagster.push(SERVICE, error_rate=0.3)
        wait_for(lambda: dagster.last_release(SERVICE).version == bad, 60)
        done = dagster.wait_for_end(SERVICE, 90)
    assert done.state == "rolled_back", done.reason
    assert dagster.versions_served(SERVICE) == {stable}
    wait_for(lambda: newest_run(dagster)["status"] == "FAILURE", 30)
    assert outcome(newest_run(dagster)) == "rolled_back"


def launch(plane: LivePlane, **config: object) -> dict[str, Any]:
    """What the launch button does, with a configuration."""
    return ask(plane, LAUNCH, config=config)["launchRun"]


def ended_run(plane: LivePlane, run_id: str) -> dict[str, Any]:
    def run() -> dict[str, Any]:
        return ask(plane, RUN, id=run_id)["runOrError"]

    wait_for(lambda: run()["status"] in ("SUCCESS", "FAILURE", "CANCELED"), 90)
    return run()


def test_a_release_launched_in_the_ui_is_conducted_like_any_other(
    dagster: LivePlane, stable: str
) -> None:
    version = dagster.push(SERVICE, version="2.0.0-rc1")  # no sensor takes a release candidate
    launched = launch(dagster, service=SERVICE, image=version)
    assert launched["__typename"] == "LaunchRunSuccess"
    candidate_meets_users(dagster, version)
    dagster.run("rollback", SERVICE, "--why", "seen enough")
    run = ended_run(dagster, launched["run"]["runId"])
    assert (run["status"], outcome(run)) == ("FAILURE", "rolled_back")
    assert {s["stepKey"] for s in run["stepStats"] if s["status"] == "FAILURE"} == {
        "release_rejected"
    }
    assert dagster.last_release(SERVICE).run_id == run["runId"]
    assert dagster.versions_served(SERVICE) == {stable}


def test_a_launch_with_a_wrong_configuration_says_what_is_wrong_and_releases_nothing(
    dagster: LivePlane, stable: str
) -> None:
    before = dagster.last_release(SERVICE).id
    missing = launch(dagster, service=SERVICE)
    assert missing["__typename"] == "RunConfigValidationInvalid"
    assert '"image"' in missing["errors"][0]["message"]
    unknown = launch(dagster, service="ordres", image="1.0.0")
    run = ended_run(dagster, unknown["run"]["runId"])
    assert (run["status"], outcome(run)) == ("FAILURE", "refused")
    assert dagster.last_release(SERVICE).id == before


def test_a_release_cancelled_in_the_ui_is_taken_back(dagster: LivePlane, stable: str) -> None:
    version = dagster.push(SERVICE)
    candidate_meets_users(dagster, version)
    ask(dagster, TERMINATE, id=newest_run(dagster)["runId"])
    done = dagster.wait_for_end(SERVICE, 60)
    assert done.state == "rolled_back"
    assert "cancelled" in done.reason
    assert dagster.versions_served(SERVICE) == {stable}
    wait_for(lambda: dagster.processes_of(done.id) == [], 20)


def test_a_run_killed_in_the_middle_is_abandoned_and_users_are_on_stable(
    dagster: LivePlane, stable: str
) -> None:
    version = dagster.push(SERVICE)
    candidate_meets_users(dagster, version)
    os.kill(the_worker(dagster), signal.SIGKILL)
    wait_for(lambda: dagster.asked_as_tester(SERVICE) == stable, 30)
    done = dagster.wait_for_end(SERVICE, 60)
    assert done.state == "abandoned", done.reason
    assert "died" in done.reason
    assert dagster.versions_served(SERVICE) == {stable}
    wait_for(lambda: dagster.processes_of(done.id) == [], 20)


def test_rolling_back_by_hand_works_with_dagster_down(dagster: LivePlane, stable: str) -> None:
    version = dagster.push(SERVICE)
    candidate_meets_users(dagster, version)
    for part in ("dagster-daemon", "dagster-webserver", "dagster-code"):
        os.kill(dagster.pid_of(part), signal.SIGSTOP)
    try:
        dagster.run("rollback", SERVICE, "--why", "Dagster is down")
        wait_for(lambda: dagster.asked_as_tester(SERVICE) == stable, 10)
        done = dagster.wait_for_end(SERVICE, 60)
    finally:
        for part in ("dagster-daemon", "dagster-webserver", "dagster-code"):
            os.kill(dagster.pid_of(part), signal.SIGCONT)
    assert done.state == "rolled_back"
    assert "Dagster is down" in done.reason


def test_a_healthy_build_is_promoted_by_sensor_zygote_judge_and_router(
    dagster: LivePlane, stable: str
) -> None:
    with dagster.load(SERVICE) as load:
        version = dagster.push(SERVICE)
        wait_for(lambda: dagster.last_release(SERVICE).version == version, 60)
        done = dagster.wait_for_end(SERVICE, 90)
        assert done.state == "promoted", done.reason
        verdict = dagster.last_verdict(done.id)
    assert load.failures() == []
    assert {r["version"] for r in load.records()} == {stable, version}
    assert verdict is not None
    assert dagster.versions_served(SERVICE) == {version}
    run = ended_run(dagster, done.run_id)
    assert (run["status"], outcome(run)) == ("SUCCESS", "promoted")
