"""Changing what is in force while users are asking: nobody's request is lost."""

from __future__ import annotations

import json
import time

import pytest

pytestmark = pytest.mark.server


@pytest.fixture
def stable(backend):
    return backend("stable")


@pytest.fixture
def candidate(backend):
    return backend("candidate")


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_flipping_shares_twenty_times_loses_no_request(rig, stable, candidate, load, envoy, method):
    assert rig.route(stable=(stable,), candidate=(candidate,), shares=(0.0, 0.0))
    with load(envoy.listener_port, "checkout.shop", method=method) as users:
        for n in range(20):
            assert rig.share(0.5 if n % 2 == 0 else 0.0)
            time.sleep(0.05)
        answers = users.stop()
    assert answers.failures == []
    assert answers.builds["candidate"] > 20
    assert answers.builds["stable"] > 100


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_swapping_stables_endpoints_loses_no_request(rig, stable, backend, load, envoy, method):
    stable.mode = "slow"  # so that every swap meets requests under way
    assert rig.route(stable=(stable,), release_id=None)
    with load(envoy.listener_port, "checkout.shop", method=method, workers=16) as users:
        current = stable
        for n in range(6):
            following = backend(f"stable-{n}", "slow")
            assert rig.route(stable=(following,), release_id=None)
            current = following
            time.sleep(0.25)
        answers = users.stop()
    assert answers.failures == []
    assert answers.builds["stable-5"] > 0
    assert current.requests[method] > 0


def test_a_whole_release_comes_and_goes_without_losing_a_request(rig, stable, backend, load, envoy):
    assert rig.route(stable=(stable,), release_id=None)
    with load(envoy.listener_port, "checkout.shop", method="POST", workers=16) as users:
        for release in (11, 12, 13):
            trial = {
                "stable": (stable,),
                "candidate": (backend(f"candidate-{release}", "slow"),),
                "baseline": (backend(f"baseline-{release}", "slow"),),
                "release_id": release,
            }
            assert rig.route(**trial, shares=(0.0, 0.0))
            assert rig.share(0.4, 0.4)
            time.sleep(0.4)
            assert rig.share(0.0, 0.0)
            assert rig.route(stable=(stable,), release_id=None)
        answers = users.stop()
    assert answers.failures == []
    assert all(answers.builds[f"candidate-{r}"] > 5 for r in (11, 12, 13))
    clusters = envoy.stats(r"cluster\..*membership_total")
    assert not [name for name in clusters if "_candidate_" in name or "_baseline_" in name]


def test_clusters_and_routes_of_a_release_are_gone_from_disk_after_it(
    rig, stable, candidate, envoy
):
    assert rig.route(stable=(stable,), candidate=(candidate,), shares=(0.1, 0.0))
    folder = envoy.settings.envoy_folder
    assert "checkout_candidate_7" in (folder / "clusters.json").read_text()
    assert rig.route(stable=(stable,), release_id=None)
    for name in ("clusters.json", "routes.json"):
        assert "candidate" not in (folder / name).read_text()


def test_files_are_not_written_again_when_nothing_changed(rig, stable, candidate, envoy):
    assert rig.route(stable=(stable,), candidate=(candidate,), shares=(0.1, 0.0))
    folder = envoy.settings.envoy_folder
    before = {f.name: f.stat().st_mtime_ns for f in folder.glob("*.json")}
    assert rig.share(0.2)
    assert rig.apply()
    assert {f.name: f.stat().st_mtime_ns for f in folder.glob("*.json")} == before


def test_a_file_that_somebody_else_wrote_is_put_right(rig, stable, candidate, envoy, ask):
    assert rig.route(stable=(stable,), candidate=(candidate,), shares=(1.0, 0.0))
    file = envoy.settings.envoy_folder / "routes.json"
    good = file.read_text()
    file.write_text("{")
    assert rig.share(0.0)
    assert file.read_text() == good
    assert ask.build("u") == "stable"


def test_a_new_router_takes_up_what_is_in_force_and_writes_unreadable_files_anew(
    make_rig, stable, candidate, envoy, ask, threads
):
    first = make_rig()
    assert first.route(stable=(stable,), candidate=(candidate,), shares=(1.0, 0.0))
    threads.run(first.rtds.stop())
    (envoy.settings.envoy_folder / "clusters.json").write_text("{")
    second = make_rig()
    second.generation = first.generation
    assert second.route(stable=(stable,), candidate=(candidate,), shares=(1.0, 0.0))
    assert ask.build("u") == "candidate"


def test_stable_endpoints_stay_when_the_inventory_is_unknown(rig, stable, ask):
    assert rig.route(stable=(stable,), release_id=None)
    assert rig.route(stable=(), release_id=None)
    assert ask.build("u") == "stable"


def test_one_services_mistake_keeps_no_other_from_its_routes(
    make_rig, service, stable, backend, ask
):
    rig = make_rig(
        service("checkout"),
        service("cart", hosts=("checkout.shop", "cart.shop")),
        service("mail", hosts=("no host at all",)),
        service("stock", user_header="not a header"),
    )
    cart = backend("cart")
    broken = backend("broken")
    assert rig.route("checkout", stable=(stable,), release_id=None)
    assert rig.route("cart", stable=(cart,), release_id=None)
    assert not rig.route("mail", stable=(broken,), release_id=None)
    assert not rig.route("stock", stable=(broken,), candidate=(broken,), shares=(0.1, 0.0))
    assert not rig.route("unknown", stable=(broken,), release_id=None)
    assert rig.route("checkout", stable=(stable,), release_id=None)
    assert ask.build(host="checkout.shop") == "stable"
    assert ask.build(host="cart.shop") == "cart"
    assert ask.build(host="stock.shop") == "broken"


def test_a_share_is_confirmed_only_once_envoy_has_it(rig, stable, candidate, envoy):
    assert rig.route(stable=(stable,), candidate=(candidate,), shares=(0.1, 0.0))
    envoy.kill()
    rig.ttl_seconds = 60.0
    assert not rig.share(0.2)
    envoy.start()
    assert rig.share(0.2)


def test_restarted_envoy_has_what_is_on_disk_and_what_is_still_vouched_for(
    rig, stable, candidate, envoy, ask
):
    assert rig.route(stable=(stable,), candidate=(candidate,), shares=(1.0, 0.0))
    envoy.kill()
    envoy.start()
    deadline = time.monotonic() + 10
    while ask.build("u") != "candidate":
        assert time.monotonic() < deadline
        time.sleep(0.05)
    entries = json.loads(_runtime(envoy))["entries"]
    assert set(entries) == {"cand.checkout.r7", "test_candidate.checkout.r7"}


def _runtime(envoy) -> str:
    import httpx

    return httpx.get(f"{envoy.admin_url}/runtime", trust_env=False).text
