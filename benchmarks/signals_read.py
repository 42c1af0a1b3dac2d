"""What one tick of reading Envoy costs, for a few services under release and for very many.

Starts an Envoy with three clusters a service, the statistics the router keeps, and one answered
request on each, then reads all sides at once.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx

from benchmarks.plane import say
from benchmarks.report import Figure, Report
from davylamp.judge.sample import Role
from davylamp.plane.ports import free_port
from davylamp.settings import load_settings
from davylamp.signals.envoy_counters import parse_stats
from davylamp.signals.envoy_stats import EnvoySource, cluster_name, stats_filter
from davylamp.signals.protocol import Watched
from davylamp.traffic.envoy.bootstrap import BOOTSTRAP_FILE, envoy_command
from davylamp.traffic.envoy.clusters import cluster

ROUNDS = 10
SERVICES = (1, 50, 500)
TICK_MS = 1000.0
"""The keeper reads once a second."""
_TYPE = "type.googleapis.com/envoy.extensions.filters"


class _Answer(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing: the table is all there is to see."""


def run(quick: bool) -> Report:
    backend = ThreadingHTTPServer(("127.0.0.1", 0), _Answer)
    threading.Thread(target=backend.serve_forever, daemon=True).start()
    figures: list[Figure] = []
    try:
        for services in SERVICES[:2] if quick else SERVICES:
            say(f"an Envoy with {services} services under release")
            with tempfile.TemporaryDirectory() as folder:
                figures += measure(services, Path(folder), backend.server_port)
    finally:
        backend.shutdown()
    ran = f"Envoy with three clusters a service, one request on each; medians of {ROUNDS} reads"
    return Report("One grouped read of Envoy's statistics", tuple(figures), ran)


def measure(services: int, folder: Path, backend_port: int) -> list[Figure]:
    watched = [
        Watched(f"service-number-{n:03d}", role, 4711) for n in range(services) for role in Role
    ]
    admin = free_port()
    users = free_port([admin])
    settings = load_settings(home=folder, envoy_config=folder)
    argv = envoy_command(
        settings, listener_port=users, admin_port=admin, rtds_port=free_port([admin, users])
    )
    bootstrap = folder / BOOTSTRAP_FILE
    document = _with_clusters(json.loads(bootstrap.read_text()), watched, backend_port)
    bootstrap.write_text(json.dumps(document))
    envoy = subprocess.Popen(argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        base = f"http://127.0.0.1:{admin}"
        _wait(lambda: httpx.get(f"{base}/ready", trust_env=False).status_code == 200)
        with httpx.Client(trust_env=False) as http:
            for side in watched:
                http.get(f"http://127.0.0.1:{users}/", headers={"x-to": cluster_name(side)})
        time.sleep(6)  # until the histograms are flushed, whatever the interval
        return _read(services, watched, base)
    finally:
        envoy.kill()
        envoy.wait(10)


def _read(services: int, watched: list[Watched], base: str) -> list[Figure]:
    source = EnvoySource(base)
    query = {"format": "json", "histogram_buckets": "disjoint", "filter": stats_filter(watched)}
    body = httpx.get(f"{base}/stats", params=query, trust_env=False, timeout=30).content
    reading = _median_ms(lambda: source.read(watched))
    parsing = _median_ms(lambda: parse_stats(json.loads(body)))
    samples = source.read(watched)
    assert all(s.succeeded == 1 and sum(s.latency) == 1 for s in samples)
    of = f"{services} services" if services > 1 else "1 service"
    return [
        Figure(f"{of}: a read", reading, "ms", TICK_MS),
        Figure(f"  {of}: parsing", parsing, "ms"),
        Figure(f"  {of}: size", len(body) / 1000, "KB"),
    ]


def _with_clusters(
    document: dict[str, Any], watched: list[Watched], backend_port: int
) -> dict[str, Any]:
    """The router's own bootstrap with fixed clusters, and a route that goes where `x-to` says."""
    static = document["static_resources"]
    for side in watched:
        made = cluster(cluster_name(side), [f"127.0.0.1:{backend_port}"])
        static["clusters"].append({k: v for k, v in made.items() if k != "@type"})
    routes = [{"match": {"prefix": "/"}, "route": {"cluster_header": "x-to"}}]
    connections = {
        "@type": f"{_TYPE}.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "users",
        "route_config": {"virtual_hosts": [{"name": "v", "domains": ["*"], "routes": routes}]},
        "http_filters": [
            {"name": "router", "typed_config": {"@type": f"{_TYPE}.http.router.v3.Router"}}
        ],
    }
    static["listeners"][0]["filter_chains"] = [
        {"filters": [{"name": "http", "typed_config": connections}]}
    ]
    return document


def _median_ms(work: Callable[[], object]) -> float:
    taken: list[float] = []
    for _ in range(ROUNDS):
        begun = time.perf_counter()
        work()
        taken.append((time.perf_counter() - begun) * 1000)
    return statistics.median(taken)


def _wait(is_there: Callable[[], bool], seconds: float = 60) -> None:
    give_up_at = time.monotonic() + seconds
    while time.monotonic() < give_up_at:
        try:
            if is_there():
                return
        except httpx.HTTPError:
            pass
        time.sleep(0.05)
    raise TimeoutError("Envoy was not ready in time")
