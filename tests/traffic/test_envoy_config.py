"""The documents Envoy watches, and the shares that may be in force: pure."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from davylamp.catalog.model import Catalog
from davylamp.judge.sample import Role
from davylamp.ledger.intent import RouteIntent, ServiceRoute
from davylamp.settings import Settings
from davylamp.traffic.effective import Weights
from davylamp.traffic.envoy.bootstrap import envoy_command
from davylamp.traffic.envoy.clusters import addresses_of, is_address
from davylamp.traffic.envoy.config import (
    Last,
    cds_document,
    fleet_of,
    rds_document,
    referenced_clusters,
)
from davylamp.traffic.envoy.files import read_document, write_document
from davylamp.traffic.envoy.shares import EDGE_SECONDS, Share, Wish, lowered
from davylamp.traffic.envoy.sharing import MILLION, Trial, runtime_values

FULL = {
    Role.STABLE: ("127.0.0.1:9001",),
    Role.CANDIDATE: ("127.0.0.1:9002",),
    Role.BASELINE: ("127.0.0.1:9003",),
}


def route(release_id=7, endpoints=FULL):
    return ServiceRoute(RouteIntent("checkout", 1, 1, release_id, seed=42), endpoints)


@pytest.fixture
def catalog(service):
    return Catalog(services={"checkout": service()})


def test_statistics_are_by_build_and_new_for_each_release(catalog):
    fleet = fleet_of({"checkout": route()}, catalog, Last())
    assert set(fleet.clusters) == {
        "checkout_stable",
        "checkout_candidate_7",
        "checkout_candidate_7_testers",
        "checkout_baseline_7",
        "checkout_baseline_7_testers",
    }
    assert referenced_clusters(rds_document(fleet.virtual_hosts)) == set(fleet.clusters)


def test_a_service_without_a_release_knows_stable_only(catalog):
    fleet = fleet_of({"checkout": route(release_id=None)}, catalog, Last())
    assert set(fleet.clusters) == {"checkout_stable"}
    assert referenced_clusters(rds_document(fleet.virtual_hosts)) == {"checkout_stable"}
    assert fleet.trials == {}


def test_without_a_baseline_copy_nobody_is_led_to_one(catalog):
    endpoints = {r: a for r, a in FULL.items() if r is not Role.BASELINE}
    fleet = fleet_of({"checkout": route(endpoints=endpoints)}, catalog, Last())
    assert "baseline_7" not in json.dumps(rds_document(fleet.virtual_hosts))


def test_only_the_content_decides_the_version(catalog):
    first = fleet_of({"checkout": route()}, catalog, Last())
    again = fleet_of({"checkout": route()}, catalog, Last())
    other = fleet_of({"checkout": route(release_id=8)}, catalog, Last())
    documents = [cds_document(f.clusters.values()) for f in (first, again, other)]
    assert documents[0] == documents[1]
    assert documents[0]["version_info"] != documents[2]["version_info"]


def test_a_host_stays_with_the_service_it_led_to(service):
    catalog = Catalog(
        services={"checkout": service(), "cart": service("cart", hosts=("checkout.shop",))}
    )
    both = {"checkout": route(None), "cart": route(None)}
    fleet = fleet_of(both, catalog, Last(hosts={"checkout.shop": "checkout"}))
    domains = {h["name"]: h["domains"] for h in fleet.virtual_hosts}
    assert domains == {"checkout": ["checkout.shop"], "*": ["*"]}
    assert "belongs to checkout" in fleet.complaints["cart"]


@pytest.mark.parametrize("address", ["", "checkout:80", "127.0.0.1", "127.0.0.1:0", "1.2.3:80"])
def test_an_address_envoy_would_refuse_is_left_out(catalog, address):
    assert not is_address(address)
    endpoints = FULL | {Role.STABLE: ("127.0.0.1:9001", address)}
    fleet = fleet_of({"checkout": route(endpoints=endpoints)}, catalog, Last())
    assert addresses_of(fleet.clusters["checkout_stable"]) == ("127.0.0.1:9001",)


def test_the_last_known_stable_endpoints_are_kept(catalog):
    last = Last(stable_addresses={"checkout_stable": ("127.0.0.1:9001", "[::1]:80")})
    fleet = fleet_of({"checkout": route(None, {})}, catalog, last)
    assert addresses_of(fleet.clusters["checkout_stable"]) == ("127.0.0.1:9001", "[::1]:80")
    assert "last known" in fleet.complaints["checkout"]


@given(st.floats(0, 1), st.floats(0, 1), st.booleans())
def test_runtime_values_keep_candidate_and_baseline_apart(candidate, baseline, has_baseline):
    values = runtime_values(Trial("checkout", 7, 1, has_baseline), candidate, baseline)
    chosen = values.get("cand.checkout.r7", {"numerator": 0})["numerator"]
    rest = values.get("rest.checkout.r7", {"numerator": MILLION})["numerator"]
    assert 0 <= chosen <= rest <= MILLION or "rest.checkout.r7" not in values
    assert rest > 0  # nothing would send everybody to the baseline
    assert has_baseline or "rest.checkout.r7" not in values


shares = st.builds(Share, st.integers(1, 3), st.floats(0, 1).map(float), st.floats(0, 1).map(float))


@given(shares, shares, st.floats(-1, 5))
def test_lowering_never_raises_and_never_acts_on_another_release(current, wanted, seconds):
    kept = lowered(current, Wish(wanted, 100.0 + seconds), 100.0)
    assert kept.candidate <= min(current.candidate, wanted.candidate)
    assert kept.baseline <= min(current.baseline, wanted.baseline)
    if wanted.release_id != current.release_id or seconds < EDGE_SECONDS:
        assert kept.is_nothing


def test_a_service_nobody_speaks_of_has_no_share():
    assert lowered(Share(7, 1.0, 0.0), None, 0.0).is_nothing


def test_a_wish_ends_when_its_time_to_live_does():
    wish = Wish.of(Weights(0.5, 0.1, 2.0, "", 7), 10.0)
    assert wish.until == 12.0
    assert wish.is_current(11.0)
    assert not wish.is_current(11.9)


def test_a_document_is_written_only_when_it_changed(tmp_path):
    file = tmp_path / "envoy" / "clusters.json"
    assert write_document(file, {"a": 1})
    assert not write_document(file, {"a": 1})
    assert write_document(file, {"a": 2})
    assert read_document(file) == {"a": 2}
    assert [f.name for f in file.parent.iterdir()] == ["clusters.json"]


def test_preparing_envoy_again_keeps_the_clusters_on_disk(tmp_path):
    settings = Settings(home=tmp_path, envoy="/opt/envoy")
    ports = {"listener_port": 1, "admin_port": 2, "rtds_port": 3}
    assert envoy_command(settings, **ports)[0] == "/opt/envoy"
    clusters = settings.envoy_folder / "clusters.json"
    write_document(clusters, {"version_info": "x", "resources": []})
    argv = envoy_command(settings, **ports, base_id=4)
    assert not list(settings.envoy_folder.glob("*.new"))
    assert read_document(clusters) == {"version_info": "x", "resources": []}
    assert argv[argv.index("--base-id") + 1] == "4"
