"""Which user meets which build, in a real Envoy."""

from __future__ import annotations

from collections import Counter

import pytest
import xxhash

pytestmark = pytest.mark.server

MILLION = 1_000_000


def place(user: str, seed: int) -> float:
    """Where a user stands in [0, 1): the same arithmetic as Envoy's."""
    return xxhash.xxh64_intdigest(user.encode(), seed) % MILLION / MILLION


def expected(user: str, seed: int, candidate: float, baseline: float) -> str:
    here = place(user, seed)
    if here < candidate:
        return "candidate"
    return "baseline" if here >= 1 - baseline else "stable"


@pytest.fixture
def builds(backend):
    return {role: backend(role) for role in ("stable", "candidate", "baseline")}


def three(builds):
    return {role: (one,) for role, one in builds.items()}


def test_without_a_release_everybody_gets_stable(rig, builds, ask):
    assert rig.route(stable=(builds["stable"],), release_id=None)
    assert {ask.build(f"u{n}") for n in range(50)} == {"stable"}
    assert ask.build() == "stable"
    assert "set-cookie" not in ask.ask().headers


def test_every_user_meets_the_build_that_the_hash_says(rig, builds, ask):
    assert rig.route(**three(builds), shares=(0.25, 0.25))
    users = [f"user-{n}" for n in range(600)]
    met = {user: ask.build(user) for user in users}
    assert met == {user: expected(user, 42, 0.25, 0.25) for user in users}
    counts = Counter(met.values())
    # three binomial standard deviations of 600 users at a quarter: 32
    assert 118 <= counts["candidate"] <= 182
    assert 118 <= counts["baseline"] <= 182


def test_growing_moves_users_from_stable_only(rig, builds, ask):
    users = [f"user-{n}" for n in range(150)]
    assert rig.route(**three(builds), shares=(0.01, 0.01))
    before = {user: ask.build(user) for user in users}
    for share in (0.05, 0.25, 0.5):
        assert rig.share(share, share)
        after = {user: ask.build(user) for user in users}
        moved = {(before[u], after[u]) for u in users if before[u] != after[u]}
        assert moved <= {("stable", "candidate"), ("stable", "baseline")}
        before = after


def test_two_services_choose_their_users_independently(make_rig, service, builds, backend, ask):
    rig = make_rig(service("checkout"), service("cart"))
    others = {role: backend(role) for role in builds}
    assert rig.route("checkout", **three(builds), shares=(0.5, 0.0), seed=1)
    assert rig.route("cart", **three(others), shares=(0.5, 0.0), seed=2, release_id=8)
    users = [f"user-{n}" for n in range(400)]
    first = {u for u in users if ask.build(u, host="checkout.shop") == "candidate"}
    second = {u for u in users if ask.build(u, host="cart.shop") == "candidate"}
    assert first == {u for u in users if place(u, 1) < 0.5}
    assert second == {u for u in users if place(u, 2) < 0.5}
    assert 60 <= len(first & second) <= 140


def test_a_user_without_an_identity_is_given_one_and_keeps_its_build(rig, builds, ask):
    assert rig.route(**three(builds), shares=(0.5, 0.25))
    seen: Counter[str] = Counter()
    for _ in range(60):
        first = ask.ask()
        issued = first.headers["set-cookie"].split(";")[0]
        name, value = issued.split("=")
        assert name == "davylamp-user"
        build = first.headers["x-build"]
        seen[build] += 1
        assert build == expected(value, 42, 0.5, 0.25)
        again = [ask.ask(cookie=f"other=1; {issued}") for _ in range(3)]
        assert {a.headers["x-build"] for a in again} == {build}
        assert all("set-cookie" not in a.headers for a in again)
    assert seen["candidate"] > 10
    assert seen["stable"] > 3


def test_the_header_wins_over_the_cookie_and_an_empty_one_is_no_identity(rig, builds, ask):
    assert rig.route(**three(builds), shares=(0.5, 0.0))
    candidate = next(f"u{n}" for n in range(99) if place(f"u{n}", 42) < 0.5)
    stable = next(f"u{n}" for n in range(99) if place(f"u{n}", 42) >= 0.5)
    assert ask.build(candidate, cookie=f"davylamp-user={stable}") == "candidate"
    assert ask.build("", cookie=f"davylamp-user={stable}") == "stable"
    assert ask.build("", cookie=f"davylamp-user={candidate}") == "candidate"
    assert "set-cookie" in ask.ask("").headers


def test_nobody_can_bring_an_issued_identity(rig, builds, ask):
    assert rig.route(**three(builds), shares=(0.5, 0.0))
    forged = {"x-davylamp-issued-user": "me"}
    cookies = {ask.ask(headers=forged).headers["set-cookie"] for _ in range(5)}
    assert len(cookies) == 5
    assert not any("=me;" in cookie for cookie in cookies)


def test_testers_choose_by_header_only_while_shares_are_in_force(rig, builds, ask):
    assert rig.route(**three(builds), shares=(0.01, 0.01))
    assert ask.build("u", build="candidate") == "candidate"
    assert ask.build("u", build="baseline") == "baseline"
    assert ask.build("u", build="nonsense") == expected("u", 42, 0.01, 0.01)
    assert rig.share(0.0, 0.0)
    assert ask.build("u", build="candidate") == "stable"
    assert ask.build("u", build="baseline") == "stable"


def test_all_users_means_all_users(rig, builds, ask):
    assert rig.route(**three(builds), shares=(1.0, 0.0))
    assert {ask.build(f"u{n}") for n in range(100)} == {"candidate"}


def test_a_new_release_of_the_same_service_begins_with_its_own_shares(rig, builds, backend, ask):
    assert rig.route(**three(builds), shares=(1.0, 0.0), release_id=7)
    assert rig.route(stable=(builds["stable"],), release_id=None)
    newer = backend("newer")
    assert rig.route(
        stable=(builds["stable"],), candidate=(newer,), release_id=8, shares=(0.0, 0.0), seed=9
    )
    users = [f"u{n}" for n in range(60)]
    assert {ask.build(u) for u in users} == {"stable"}
    assert rig.share(0.5)
    assert {u for u in users if ask.build(u) == "newer"} == {u for u in users if place(u, 9) < 0.5}


def test_an_unknown_host_is_told_what_to_do(rig, builds, ask):
    assert rig.route(stable=(builds["stable"],), release_id=None)
    answer = ask.ask(host="nowhere.example")
    assert answer.status_code == 404
    assert "davylamp status" in answer.text
    assert ask.build(host="CHECKOUT.shop:8080") == "stable"
