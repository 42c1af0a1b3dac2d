"""A plane of a benchmark's own: in a temporary folder, on free ports, ended whatever happens."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from rich.console import Console

from davylamp.errors import Unreachable
from davylamp.ledger import releases
from davylamp.ledger.releases import Release
from davylamp.ledger.session import Ledger
from davylamp.rollout.parts import Parts, open_parts
from davylamp.settings import Settings, load_settings

ROOT = Path(__file__).parents[1]
COMMAND = (sys.executable, "-m", "davylamp.cli.main")
_IMAGE = ROOT / "examples" / "shop" / "images" / "checkout"
_COMMAND_SECONDS = 300.0
_DRIVER_SECONDS = 60.0
_progress = Console(stderr=True, highlight=False)


@dataclass(frozen=True)
class BenchPlane:
    """A running plane with real PostgreSQL, Envoy, registry, and the default lease and TTL."""

    settings: Settings
    environment: dict[str, str]

    @cached_property
    def parts(self) -> Parts:
        return open_parts(self.settings)

    @property
    def ledger(self) -> Ledger:
        return self.parts.ledger

    @property
    def envoy_url(self) -> str:
        return self.settings.require("envoy_url")

    def run(self, *arguments: str, check: bool = True) -> str:
        """A `davylamp` command; returns what it printed."""
        done = subprocess.run(
            [*COMMAND, *arguments],
            env=self.environment,
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=_COMMAND_SECONDS,
            check=False,
        )
        if check and done.returncode != 0:
            raise Unreachable(f"davylamp {' '.join(arguments)}: {done.stderr.strip()}")
        return done.stdout

    @contextlib.contextmanager
    def driving(self, service: str, version: str) -> Generator[subprocess.Popen[bytes]]:
        """A release in a process of its own. It ends by itself, or here when the block fails."""
        driver = subprocess.Popen(
            [*COMMAND, "release", service, version, "--here"],
            env=self.environment,
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            yield driver
            driver.wait(_DRIVER_SECONDS)
        finally:
            if driver.returncode is None:
                driver.kill()  # the plane goes too, and with it what the release has started
                driver.wait()

    def push(self, service: str, version: str, **behaviour: str) -> str:
        """Push and sign a build, healthy unless told otherwise; returns its version."""
        where = ("--repository", f"shop/{service}", "--version", version)
        variables = {"SHOP_VERSION": version, **behaviour}
        given = [part for name, value in variables.items() for part in ("--env", f"{name}={value}")]
        self.run("build", "push", str(_IMAGE), *where, *given)
        return version

    def make_stable(self, service: str, version: str) -> str:
        """Push a build and have it be a service's first stable one; returns its version."""
        self.push(service, version)
        self.run("release", service, version, "--here")
        return version

    def last_release(self, service: str) -> Release | None:
        with self.ledger.begin() as db:
            found = releases.recent_releases(db, service, 1)
        return found[0] if found else None

    def pid_of(self, part: str) -> int:
        found: dict[str, Any] = json.loads(self.run("status", "--json"))
        return next(p["pid"] for p in found["plane"]["parts"] if p["name"] == part)


def entry(name: str, steps: Sequence[tuple[float, float]], judge: str = "{}") -> str:
    """A catalog entry. `steps` are (share of users, seconds), the last with share 1."""
    listed = ", ".join(
        f"{{share: {share}, seconds: {seconds}, minimum_requests: 0}}" for share, seconds in steps
    )
    return f"""\
name: {name}
owner: benchmarks
image: {{repository: shop/{name}}}
route: {{hosts: [{name}.localhost]}}
instances: 2
release: {{steps: [{listed}], patience_seconds: 3600, drain_seconds: 3}}
judge: {judge}
"""


@contextlib.contextmanager
def bench_plane(*entries: str) -> Generator[BenchPlane]:
    """Start a plane for the services of these catalog entries."""
    with tempfile.TemporaryDirectory(prefix="davylamp-bench-") as folder:
        catalog, home = Path(folder) / "catalog", Path(folder) / "plane"
        catalog.mkdir()
        for text in entries:
            name = text.split("\n", 1)[0].removeprefix("name: ")
            (catalog / f"{name}.yaml").write_text(text)
        own = {"DAVYLAMP_HOME": str(home), "DAVYLAMP_CATALOG": str(catalog)}
        environment = {**os.environ, **own, "DAVYLAMP_ACTOR": "benchmarks"}
        plane = BenchPlane(load_settings(home=home, catalog=catalog), environment)
        say("starting a plane")
        try:
            plane.run("up", "--any-port")
            yield plane
            plane.parts.close()
        finally:
            plane.run("down")


def wait_for(condition: Callable[[], bool], seconds: float, pause_seconds: float = 0.02) -> None:
    """Raises `Unreachable` when it has not come true in time."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise Unreachable(f"waited {seconds:.0f} s in vain for {condition.__qualname__}")
        time.sleep(pause_seconds)


def say(what: str) -> None:
    """Progress, for whoever waits."""
    _progress.print(f"[dim]{what} …[/]")
