"""What users see of a candidate that fails, in a real Envoy."""

from __future__ import annotations

import time

import httpx
import pytest

from davylamp.judge.sample import LATENCY_BOUNDS_MS

pytestmark = pytest.mark.server

USERS = [f"user-{n}" for n in range(40)]


@pytest.fixture
def stable(backend):
    return backend("stable")


def all_to_candidate(rig, stable, candidate, **more):
    """Every user meets the candidate, so that one request is one attempt."""
    assert rig.route(stable=(stable,), candidate=(candidate,), shares=(1.0, 0.0), **more)


def test_gets_that_the_candidate_fails_are_answered_by_stable(rig, stable, backend, ask, envoy):
    candidate = backend("candidate", "fail")
    all_to_candidate(rig, stable, candidate)
    for method in ("GET", "HEAD"):
        answers = [ask.ask(user, method=method) for user in USERS]
        assert {a.status_code for a in answers} == {200}
        assert {a.headers["x-build"] for a in answers} == {"stable"}
    assert candidate.requests == {"GET": len(USERS), "HEAD": len(USERS)}
    counts = envoy.endpoint_counts("checkout_candidate_7")
    assert counts["rq_error"] == 2 * len(USERS)
    assert counts["rq_success"] == 0


def test_posts_are_never_sent_twice(rig, stable, backend, ask):
    candidate = backend("candidate", "fail")
    all_to_candidate(rig, stable, candidate)
    answers = [ask.ask(user, method="POST") for user in USERS]
    assert {a.status_code for a in answers} == {503}
    assert candidate.requests["POST"] == len(USERS)
    assert stable.requests["POST"] == 0


def test_users_cannot_ask_for_retries_of_their_posts(rig, stable, backend, ask):
    candidate = backend("candidate", "fail")
    all_to_candidate(rig, stable, candidate)
    wish = {"x-envoy-retry-on": "5xx", "x-envoy-max-retries": "5"}
    assert ask.ask("u", method="POST", headers=wish).status_code == 503
    assert candidate.requests["POST"] == 1


def test_a_candidate_that_never_answers_costs_a_get_only_the_shields_time(
    make_rig, service, stable, backend, ask, envoy
):
    rig = make_rig(service(shield_timeout_seconds=0.1))
    candidate = backend("candidate", "hang")
    all_to_candidate(rig, stable, candidate)
    answers = [ask.ask(user) for user in USERS[:10]]
    assert {a.headers["x-build"] for a in answers} == {"stable"}
    assert {a.status_code for a in answers} == {200}
    assert envoy.endpoint_counts("checkout_candidate_7")["rq_error"] == 10


def test_a_candidate_that_refuses_connections_fails_nobody(rig, stable, backend, ask, envoy):
    candidate = backend("candidate")
    all_to_candidate(rig, stable, candidate)
    candidate.refuse()
    assert {ask.ask(user).status_code for user in USERS} == {200}
    # the request never arrived there, so it is safe to send it again, even a POST
    assert {ask.ask(user, method="POST").status_code for user in USERS} == {200}
    assert stable.requests["POST"] == len(USERS)
    assert envoy.endpoint_counts("checkout_candidate_7")["rq_error"] == 2 * len(USERS)


def test_the_baseline_is_shielded_just_as_the_candidate(rig, stable, backend, ask, envoy):
    candidate, baseline = backend("candidate", "fail"), backend("baseline", "fail")
    assert rig.route(
        stable=(stable,), candidate=(candidate,), baseline=(baseline,), shares=(0.5, 0.5)
    )
    answers = [ask.ask(user) for user in USERS]
    assert {(a.status_code, a.headers["x-build"]) for a in answers} == {(200, "stable")}
    assert candidate.requests["GET"] + baseline.requests["GET"] == len(USERS)
    failed = [
        envoy.endpoint_counts(f"checkout_{role}_7")["rq_error"]
        for role in ("candidate", "baseline")
    ]
    assert failed == [candidate.requests["GET"], baseline.requests["GET"]]
    assert min(failed) > 5


def test_without_the_shield_users_see_what_the_candidate_answers(
    make_rig, service, stable, backend, ask
):
    rig = make_rig(service(shield=False))
    candidate = backend("candidate", "fail")
    all_to_candidate(rig, stable, candidate)
    assert {ask.ask(user).status_code for user in USERS} == {503}
    assert stable.requests["GET"] == 0


def test_testers_see_the_candidate_as_it_is(rig, stable, backend, ask):
    candidate = backend("candidate", "fail")
    assert rig.route(stable=(stable,), candidate=(candidate,), shares=(0.01, 0.0))
    answer = ask.ask("u", build="candidate")
    assert (answer.status_code, answer.headers["x-build"]) == (503, "candidate")


def test_stables_failures_never_go_to_the_candidate(rig, stable, backend, ask):
    candidate = backend("candidate")
    assert rig.route(stable=(stable,), candidate=(candidate,), shares=(0.25, 0.0))
    stable.mode = "fail"
    failed = [u for u in USERS if ask.ask(u).status_code == 503]
    assert len(failed) > 15
    assert candidate.requests["GET"] == len(USERS) - len(failed)


def test_a_stable_copy_that_dies_is_not_noticed_while_another_lives(rig, backend, ask):
    dying, living = backend("stable"), backend("stable")
    assert rig.route(stable=(dying, living), release_id=None)
    assert {ask.ask(u).status_code for u in USERS} == {200}
    dying.refuse()
    assert {ask.ask(u).status_code for u in USERS} == {200}


def test_latency_is_counted_in_the_buckets_the_judge_knows(rig, stable, ask, envoy):
    assert rig.route(stable=(stable,), release_id=None)
    for user in USERS:
        ask.ask(user)
    time.sleep(1.1)  # two flushes
    text = httpx.get(f"{envoy.admin_url}/stats/prometheus", trust_env=False).text
    lines = [
        line
        for line in text.splitlines()
        if line.startswith("envoy_cluster_upstream_rq_time_bucket") and "checkout_stable" in line
    ]
    bounds = [line.split('le="')[1].split('"')[0] for line in lines]
    assert [float(b) for b in bounds[: len(LATENCY_BOUNDS_MS)]] == list(LATENCY_BOUNDS_MS)
    assert lines[-1].endswith(f" {len(USERS)}")
    needed = ("upstream_rq_xx", "upstream_rq_completed", "upstream_rq_total", "upstream_rq_active")
    for name in (*needed, "endpoint_rq_error", "endpoint_rq_success", "endpoint_rq_active"):
        assert f"envoy_cluster_{name}{{" in text, name
