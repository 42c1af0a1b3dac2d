"""The shop's services as they run: unpacked from the image's layer, started as a process."""

from __future__ import annotations

import gzip
import io
import os
import signal
import subprocess
import sys
import tarfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from davylamp.builds.image import build_image
from davylamp.plane.ports import free_port

IMAGES = Path(__file__).parents[2] / "examples" / "shop" / "images"


@dataclass
class Running:
    """One running copy of a service."""

    url: str
    process: subprocess.Popen[bytes]

    def wait_until_healthy(self) -> Running:
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            try:
                if httpx.get(f"{self.url}/healthz", timeout=2).status_code == 200:
                    return self
            except httpx.TransportError:
                assert self.process.poll() is None, "the service has ended"
                time.sleep(0.05)
        raise AssertionError("the service never got healthy")

    def terminate(self) -> None:
        self.process.send_signal(signal.SIGTERM)


StartShop = Callable[..., Running]


@pytest.fixture
def start_shop(tmp_path: Path) -> Iterator[StartShop]:
    """`start_shop("checkout", SHOP_ERROR_RATE="0.2")` starts a copy; all end with the test."""
    started: list[Running] = []

    def start(service: str, **environment: str) -> Running:
        folder = unpack_image(service, tmp_path / f"{service}-{len(started)}")
        port = free_port()
        known = {"PATH": os.environ["PATH"], "HOST": "127.0.0.1", "PORT": str(port)}
        process = subprocess.Popen(
            [sys.executable, "server.py"], cwd=folder / "app", env=known | environment
        )
        started.append(Running(f"http://127.0.0.1:{port}", process))
        return started[-1]

    yield start
    for one in started:
        one.process.kill()
        one.process.wait(10)


def unpack_image(service: str, target: Path) -> Path:
    layer = build_image(IMAGES / service, version="1.0.0").layer
    with tarfile.open(fileobj=io.BytesIO(gzip.decompress(layer.gzipped))) as tar:
        tar.extractall(target, filter="data")
    return target
