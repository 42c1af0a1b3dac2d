"""A real Prometheus, and targets for it that say what a test wants them to."""

from __future__ import annotations

import json
import os
import shutil
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest

from davylamp.plane.ports import free_port
from davylamp.plane.spawn import spawn
from davylamp.signals.prometheus_http import PrometheusAccess
from davylamp.signals.prometheus_query import Prometheus


class Target:
    """Something to scrape. `say` is what it says; None makes the scrape fail."""

    def __init__(self, say: Callable[[], str | None]) -> None:
        self.say = say
        target = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                said = target.say()
                self.send_response(200 if said is not None else 503)
                self.send_header("content-type", "text/plain; version=0.0.4")
                self.end_headers()
                with suppress(BrokenPipeError):  # the scrape was given up
                    self.wfile.write((said or "").encode())

            def log_message(self, format: str, *args: Any) -> None:
                """Nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


class PrometheusServer:
    """Scrapes every second. `jobs` is job name → addresses; Envoys under their own path."""

    def __init__(self, folder: Path, jobs: dict[str, Sequence[str]]) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._folder = folder
        self._http = httpx.Client(base_url=self.url, trust_env=False)
        scrapes = [_job(name, addresses) for name, addresses in jobs.items()]
        every = {"scrape_interval": "1s", "scrape_timeout": "1s"}
        document = {"global": every, "scrape_configs": scrapes}
        (folder / "prometheus.json").write_text(json.dumps(document))  # JSON is YAML
        self.start()

    def start(self) -> None:
        argv = [
            prometheus_binary(),
            f"--config.file={self._folder}/prometheus.json",
            f"--storage.tsdb.path={self._folder}/data",
            f"--web.listen-address=127.0.0.1:{self.port}",
            "--log.level=warn",
        ]
        log = self._folder / "prometheus.log"
        self._process = spawn(argv, env={}, cwd=self._folder, log=log)
        until(self._is_ready)

    def stop(self) -> None:
        self._process.kill()
        self._process.wait(10)

    def ask(self, query: str) -> list[dict[str, Any]]:
        answer = self._http.get("/api/v1/query", params={"query": query})
        return answer.json()["data"]["result"]

    def wait_for_targets(self, number: int) -> None:
        """Prometheus takes five seconds to begin with a configuration."""
        until(lambda: len(self.ask("up == 1")) == number)

    def connect(self, **more: Any) -> Prometheus:
        return Prometheus(PrometheusAccess(self.url, **more))

    def _is_ready(self) -> bool:
        try:
            return self._http.get("/-/ready").status_code == 200
        except httpx.HTTPError:
            return False


def prometheus_binary() -> str:
    found = shutil.which("prometheus")
    if found:
        return found
    missing = "prometheus is missing: `apt-get install prometheus`"
    if os.environ.get("CI"):
        pytest.fail(missing)
    pytest.skip(missing)


def until(fits: Callable[[], bool], seconds: float = 60) -> None:
    give_up_at = time.monotonic() + seconds
    while not fits():
        assert time.monotonic() < give_up_at, "waited in vain"
        time.sleep(0.05)


@contextmanager
def speaking(
    *answers: bytes, hold_open: bool = False, tls: ssl.SSLContext | None = None
) -> Iterator[tuple[str, list[bytes]]]:
    """Address of a server that gives each connection the next answer, byte for byte, and the
    requests it was sent."""
    asked: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            for answer in answers:
                peer, _ = server.accept()
                try:
                    peer = tls.wrap_socket(peer, server_side=True) if tls else peer
                except ssl.SSLError:
                    continue  # the other side does not trust us
                asked.append(_request(peer))
                peer.sendall(answer)
                kept.append(peer) if hold_open else peer.close()

        kept: list[socket.socket] = []
        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield f"http{'s' if tls else ''}://127.0.0.1:{server.getsockname()[1]}", asked
        for peer in kept:
            peer.close()


def _request(peer: socket.socket) -> bytes:
    """Head and body."""
    read = b""
    while b"\r\n\r\n" not in read:
        read += peer.recv(65536)
    head, _, body = read.partition(b"\r\n\r\n")
    sizes = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
    size = int(sizes[0].partition(b":")[2]) if sizes else 0
    while len(body) < size:
        body += peer.recv(65536)
    return head + b"\r\n\r\n" + body


def _job(name: str, addresses: Sequence[str]) -> dict[str, Any]:
    path = "/stats/prometheus" if name.startswith("envoy") else "/metrics"
    found = [{"targets": list(addresses)}]
    return {"job_name": name, "metrics_path": path, "static_configs": found}
