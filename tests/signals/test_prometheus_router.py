"""The Envoy that the router configures, scraped by Prometheus: all that is read is exported."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from davylamp.judge.sample import Role
from davylamp.plane.ports import free_port
from davylamp.plane.spawn import spawn
from davylamp.settings import load_settings
from davylamp.signals.envoy_stats import EnvoySource
from davylamp.signals.prometheus import PrometheusSource
from davylamp.signals.prometheus_promql import counters_query
from davylamp.signals.prometheus_scrape import scrapes_of
from davylamp.signals.protocol import Watched
from davylamp.traffic.envoy.bootstrap import BOOTSTRAP_FILE, envoy_command
from davylamp.traffic.envoy.clusters import cluster
from tests.signals.prometheus_rig import PrometheusServer, until

pytestmark = pytest.mark.server

SIDE = Watched("shop", Role.CANDIDATE, 7)
_HTTP = "type.googleapis.com/envoy.extensions.filters.http"


@pytest.fixture
def admin_and_users(tmp_path: Path, backend: Any) -> Iterator[tuple[str, str]]:
    """Addresses of an Envoy with the router's bootstrap, one cluster and one plain route."""
    admin = free_port()
    users = free_port([admin])
    settings = load_settings(home=tmp_path, envoy_config=tmp_path)
    argv = envoy_command(
        settings, listener_port=users, admin_port=admin, rtds_port=free_port([admin, users])
    )
    document = json.loads((tmp_path / BOOTSTRAP_FILE).read_text())
    _serve_one(document, [f"127.0.0.1:{backend.port}"])
    (tmp_path / BOOTSTRAP_FILE).write_text(json.dumps(document))
    envoy = spawn(argv, env={}, cwd=tmp_path, log=tmp_path / "envoy.log")
    try:
        until(lambda: _is_ready(admin))
        yield f"127.0.0.1:{admin}", f"127.0.0.1:{users}"
    finally:
        envoy.kill()
        envoy.wait(10)


def _is_ready(port: int) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{port}/ready", trust_env=False).status_code == 200
    except httpx.HTTPError:
        return False


def _serve_one(document: dict[str, Any], addresses: list[str]) -> None:
    static = document["static_resources"]
    made = cluster("shop_candidate_7", addresses)
    static["clusters"].append({k: v for k, v in made.items() if k != "@type"})
    (chain,) = static["listeners"][0]["filter_chains"]
    connections = chain["filters"][0]["typed_config"]
    for name in ("rds", "early_header_mutation_extensions"):
        del connections[name]
    router = {"name": "router", "typed_config": {"@type": f"{_HTTP}.router.v3.Router"}}
    route = {"match": {"prefix": "/"}, "route": {"cluster": "shop_candidate_7"}}
    hosts = [{"name": "v", "domains": ["*"], "routes": [route]}]
    connections |= {"http_filters": [router], "route_config": {"virtual_hosts": hosts}}


def test_everything_that_is_read_is_there_with_the_buckets_of_the_judge(
    admin_and_users: tuple[str, str], tmp_path: Path
) -> None:
    admin, users = admin_and_users
    for path in ("/200", "/404", "/503", "/reset", "/sleep=40"):
        httpx.get(f"http://{users}{path}", trust_env=False)
    of_envoy = EnvoySource(f"http://{admin}")
    until(lambda: sum(of_envoy.read([SIDE])[0].latency) == 4)
    (tmp_path / "prometheus").mkdir()
    server = PrometheusServer(tmp_path / "prometheus", {"envoy": [admin]})
    try:
        asked_at = time.time()
        source = PrometheusSource(server.connect())
        until(lambda: bool(server.ask(f"timestamp(up == 1) > {asked_at}")))
        (mine,) = source.read([SIDE])
        (its,) = of_envoy.read([SIDE])
        assert mine == replace(its, at=mine.at)
        assert (mine.started, mine.succeeded, mine.failed) == (5, 3, 2)
        (scrape,) = scrapes_of(server.connect().ask(counters_query([SIDE]))).values()
        assert scrape.uptime_seconds is not None
        exported = set(scrape.clusters["shop_candidate_7"].plain)
        assert exported >= {
            *("total", "active", "cancelled", "none_healthy", "pending_active"),
            *("pending_failure_eject", "pending_overflow", "active_overflow"),
            *("2xx", "4xx", "5xx"),
        }
    finally:
        server.stop()
        of_envoy.close()
