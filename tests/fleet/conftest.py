"""A plane without parts of its own, a registry that is a folder, and images to run."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path

import pytest

from davylamp.builds.contract import Contract
from davylamp.builds.image import build_image, push_image
from davylamp.builds.open import open_registry
from davylamp.fleet.local import LocalPlatform
from davylamp.fleet.protocol import StartOrder
from davylamp.judge.sample import Role
from davylamp.ledger.instance import Instance, InstanceState
from davylamp.plane.control import Wanted, bring_up, take_down
from davylamp.plane.home import Home
from davylamp.plane.status import plane_status
from davylamp.settings import load_settings

WELL = """
import http.server, os, signal, subprocess, sys, threading, time
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        if self.path == "/environment":
            body = "\\n".join(f"{k}={v}" for k, v in os.environ.items()).encode()
        else:
            body = b"fine"
        self.send_response(200 if self.path != "/ill" else 503)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *_): pass
server = http.server.HTTPServer((os.environ["HOST"], int(os.environ["PORT"])), Handler)
"""
SERVE = "server.serve_forever()\n"


@dataclass
class Yard:
    """A running plane, and a way to order copies of little programs."""

    folder: Path
    platform: LocalPlatform
    home: Home
    registry_url: str
    well: str = WELL + SERVE
    """A program that serves; WELL alone has only bound its port."""
    begin: str = WELL

    def order(self, program: str, name: str, *ids: str, **more: object) -> StartOrder:
        """An order for copies of an image that runs the Python `program`."""
        return self.order_running(["python", "/app/main.py"], name, *ids, program=program, **more)

    def order_running(
        self, entrypoint: list[str], name: str, *ids: str, program: str = "", **more: object
    ) -> StartOrder:
        source = self.folder / f"source-{name}"
        source.mkdir(exist_ok=True)
        (source / "main.py").write_text(program)
        digest = sha256(program.encode()).hexdigest()[:12]
        built = build_image(
            source, version=f"1.0.0-{digest}", entrypoint=entrypoint, contract=Contract()
        )
        pushed = push_image(open_registry(self.registry_url), f"shop/{name}", built, None)
        order = StartOrder(
            ids=ids or (f"{name}-1",),
            service=name,
            image=pushed.image,
            digest=pushed.digest,
            role=Role.CANDIDATE,
            release_id=7,
        )
        return replace(order, **more)

    def one(self, instance_id: str) -> Instance | None:
        return next((i for i in self.platform.instances() if i.id == instance_id), None)

    def when(
        self, instance_id: str, holds: Callable[[Instance], object], seconds: float = 25.0
    ) -> Instance:
        """Wait until it holds of the copy, and return it as it was then."""
        until = time.monotonic() + seconds
        while True:
            found = self.one(instance_id)
            if found is not None and holds(found):
                return found
            assert time.monotonic() < until, f"it never held; the last seen was {found}"
            time.sleep(0.05)

    def ready(self, instance_id: str) -> Instance:
        return self.when(instance_id, lambda i: i.state is InstanceState.READY)

    def failed(self, instance_id: str, seconds: float = 25.0) -> Instance:
        return self.when(instance_id, lambda i: i.state is InstanceState.FAILED, seconds)

    def kill_supervisor_and_start_again(self) -> None:
        settings = load_settings(home=self.home.folder)
        os.kill(plane_status(settings).pid, 9)
        bring_up(settings, Wanted((), any_port=True), lambda _: None)


@pytest.fixture(scope="module")
def yard(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Yard]:
    folder = tmp_path_factory.mktemp("yard")
    with pytest.MonkeyPatch.context() as patch:
        for name in list(os.environ):
            if name.startswith("DAVYLAMP_"):
                patch.delenv(name)
        registry_url = f"oci-layout://{folder / 'registry'}"
        patch.setenv("DAVYLAMP_REGISTRY_URL", registry_url)
        settings = load_settings(home=folder / "home")
        bring_up(settings, Wanted((), any_port=True), lambda _: None)
        home = Home.of(settings)
        try:
            yield Yard(folder, LocalPlatform(home.socket), home, registry_url)
        finally:
            take_down(settings)
