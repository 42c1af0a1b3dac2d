"""A real embedded plane for end-to-end tests: PostgreSQL, Envoy, registry, controller, keeper."""

from __future__ import annotations

import contextlib
import csv
import itertools
import json
import os
import subprocess
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from davylamp.errors import Unreachable
from davylamp.fleet.unix_http import UnixHttp
from davylamp.ledger import evidence, inventory, releases, routes
from davylamp.ledger.instance import Instance
from davylamp.ledger.intent import RouteIntent
from davylamp.ledger.releases import Release
from davylamp.ledger.session import Ledger
from davylamp.plane.home import Home
from davylamp.plane.status import STATUS, PlaneStatus
from davylamp.settings import Addresses, read_addresses
from tests.forked import Forked

ROOT = Path(__file__).parents[1]
IMAGES = ROOT / "examples" / "shop" / "images"
LEASE_SECONDS = 7
"""Where leases run out on purpose: not much longer than a busy machine keeps a driver waiting."""
PATIENT_LEASE_SECONDS = 12
_DAVYLAMP = "davylamp.cli.main"

# The fixed window promotes within seconds; harm is still the sequential judge's to see, and how
# that promotes is for test_judged_harms.
CATALOG = """\
name: {name}
owner: tests
image: {{repository: shop/{name}}}
route: {{hosts: [{name}.localhost]}}
instances: 2
health: {{path: /healthz, start_seconds: 8}}
release:
  steps:
    - {{share: 0.05, seconds: 2, minimum_requests: 5}}
    - {{share: 0.3, seconds: 10, minimum_requests: 100}}
    - {{share: 1.0, seconds: 2, minimum_requests: 0}}
  patience_seconds: 12
  hold_seconds: 6
  drain_seconds: 2
judge: {{rule: fail-ratio, minimum_requests: 100, minimum_ticks: 8}}
"""


SERVICES = ("checkout", "cart", "payments", "search", "orders", "audited")


@dataclass
class LivePlane:
    """What tests do to a plane, through the command line and from the outside."""

    home: Path
    environment: dict[str, str]
    _versions: Iterator[int] = field(default_factory=lambda: itertools.count(1))
    _outputs: Iterator[int] = field(default_factory=lambda: itertools.count(1))
    _ledgers: dict[str, Ledger] = field(default_factory=dict)

    @property
    def addresses(self) -> Addresses:
        return read_addresses(self.home / "addresses.json")

    @property
    def ledger(self) -> Ledger:
        url = self.addresses.ledger_url
        if url not in self._ledgers:  # it moves when the plane is started again
            self._ledgers[url] = Ledger.connect(url)
        return self._ledgers[url]

    def run(self, *args: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        out, err = (self.home.with_name(f"{next(self._outputs)}.{x}") for x in ("out", "err"))
        done = Forked(_DAVYLAMP, args, env=self.environment, cwd=ROOT, out=out, err=err)
        code = done.wait(150)
        said, complained = out.read_text(), err.read_text()
        if check and code != 0:
            raise AssertionError(f"davylamp {' '.join(args)}: {code}\n{complained}")
        return subprocess.CompletedProcess(args, code, said, complained)

    def ask(self, *args: str, check: bool = True) -> dict[str, Any]:
        return json.loads(self.run(*args, "--json", check=check).stdout)

    def next_version(self) -> str:
        return f"1.{next(self._versions)}.0"

    def push(
        self,
        service: str,
        *,
        sign: bool = True,
        version: str = "",
        more: Sequence[str] = (),
        **behaviour: object,
    ) -> str:
        """Push a build of a service, a new one unless a version is given; returns its version."""
        version = version or self.next_version()
        args = ["build", "push", str(IMAGES / "checkout"), "--repository", f"shop/{service}"]
        args += ["--version", version, "--env", f"SHOP_VERSION={version}", *more]
        for name, value in behaviour.items():
            args += ["--env", f"SHOP_{name.upper()}={value}"]
        self.run(*args, *([] if sign else ["--no-sign"]))
        return version

    def release(self, service: str, version: str) -> Release:
        """Conduct a release to its end; returns it as the ledger has it."""
        self.run("release", service, version, "--here", "--json", check=False)
        return self.last_release(service)

    def begin_release(self, service: str, version: str) -> Forked:
        """Conduct a release in a process of its own, to be killed or watched."""
        before = self.last_release(service).id if self._any_release(service) else 0
        log = self.home / f"driver-{service}.log"
        log.unlink(missing_ok=True)
        args = ["release", service, version, "--here"]
        process = Forked(_DAVYLAMP, args, env=self.environment, cwd=ROOT, out=log)

        def has_begun() -> bool:
            if self._any_release(service) and self.last_release(service).id > before:
                return True
            assert process.poll() is None, log.read_text()
            return False

        wait_for(has_begun)
        return process

    def stable(self, service: str) -> str:
        """The stable version of a service; its first build is released when there is none."""
        with self.ledger.begin() as db:
            live = inventory.live_service(db, service)
        if live.stable_version:
            return live.stable_version
        version = self.push(service)
        done = self.release(service, version)
        assert done.state == "promoted", done.reason
        return version

    def last_release(self, service: str) -> Release:
        with self.ledger.begin() as db:
            return releases.recent_releases(db, service, 1)[0]

    def last_verdict(self, release_id: int) -> dict[str, Any] | None:
        with self.ledger.begin() as db:
            found = evidence.last_verdict(db, release_id)
        return None if found is None else dict(found)

    def wait_for_state(self, service: str, *states: str, seconds: float = 60) -> Release:
        wait_for(lambda: str(self.last_release(service).state) in states, seconds)
        return self.last_release(service)

    def versions_served(self, service: str, requests: int = 60) -> set[str]:
        """Which versions answer just now, asked by as many different users."""
        with httpx.Client(base_url=self.addresses.envoy_url, timeout=5) as client:
            answers = [
                client.get(
                    "/.well-known/davylamp",
                    headers={"host": f"{service}.localhost", "x-user-id": f"probe-{n}"},
                )
                for n in range(requests)
            ]
        return {a.headers.get("x-shop-version", f"status {a.status_code}") for a in answers}

    def asked_as_tester(self, service: str, build: str = "candidate") -> str:
        """The version that answers somebody who asks for the candidate by header."""
        headers = {"host": f"{service}.localhost", "x-davylamp-build": build}
        with contextlib.suppress(httpx.HTTPError):
            answer = httpx.get(
                f"{self.addresses.envoy_url}/.well-known/davylamp", headers=headers, timeout=5
            )
            return answer.headers.get("x-shop-version", f"status {answer.status_code}")
        return "no answer"

    def serves(self, service: str) -> bool:
        return self.asked_as_tester(service, build="stable").startswith("1.")

    def route(self, service: str) -> RouteIntent:
        with self.ledger.begin() as db:
            found = routes.read_route(db, service)
        assert found is not None
        return found

    def has_everybody(self, service: str) -> bool:
        """Whether the router was seen to send all users to the candidate."""
        route = self.route(service)
        return route.candidate_share == 1.0 and route.is_confirmed

    def wait_for_end(self, service: str, seconds: float) -> Release:
        wait_for(lambda: self.last_release(service).state.is_end, seconds)
        return self.last_release(service)

    def pids_of_role(self, release_id: int, role: str) -> list[int]:
        mine = [i for i in self.copies_of(release_id) if i.role == role]
        return [i.pid for i in mine if i.pid and is_alive(i.pid)]

    def pause(self, seconds: float) -> None:
        time.sleep(seconds)

    def has_released(self, service: str) -> bool:
        return self._any_release(service)

    def _any_release(self, service: str) -> bool:
        with self.ledger.begin() as db:
            return bool(releases.recent_releases(db, service, 1))

    def processes_of(self, release_id: int) -> list[str]:
        """Copies of a release that the platform still lists."""
        return [i.id for i in self.copies_of(release_id)]

    def copies_of(self, release_id: int) -> list[Instance]:
        return [i for i in self.status().instances if i.release_id == release_id]

    def copies_of_service(self, service: str) -> list[Instance]:
        return [i for i in self.status().instances if i.service == service]

    def status(self) -> PlaneStatus:
        """The plane as its supervisor sees it."""
        answer = UnixHttp(Home(self.home).socket).call("GET", "/status", seconds=20)
        return STATUS.validate_json(answer)

    def pid_of(self, part: str) -> int:
        found = self.status().part(part)
        assert found is not None
        return found.pid

    @contextlib.contextmanager
    def load(self, service: str, rate: int = 100) -> Generator[Load]:
        """Constant load on a service, in a process of its own."""
        out = self.home / f"load-{time.monotonic_ns()}.csv"
        args = ["--service", service, "--url", self.addresses.envoy_url]
        args += ["--rate", str(rate), "--out", str(out)]
        summary = out.with_suffix(".json")
        process = Forked(
            "davylamp.cli.demo.load", args, env=self.environment, cwd=ROOT, out=summary
        )
        try:
            yield Load(out)
        finally:
            process.terminate()
            process.wait(20)


@dataclass(frozen=True)
class Load:
    """What users met, request by request."""

    file: Path

    def records(self) -> list[dict[str, str]]:
        """All requests so far; a line that is still being written is left out."""
        lines = self.file.read_text().splitlines(keepends=True) if self.file.exists() else []
        return list(csv.DictReader(line for line in lines if line.endswith("\n")))

    def failures(self) -> list[dict[str, str]]:
        """Requests that got no good answer, whoever's fault it was."""
        return [r for r in self.records() if not 200 <= int(r["status"]) < 500]

    def last_met(self, version: str) -> float:
        """When a user was last answered by a version, Unix seconds at its asking; 0 for never."""
        return max((float(r["at"]) for r in self.records() if r["version"] == version), default=0)

    def not_planted(self) -> list[dict[str, str]]:
        """Failures that no build was told to make: those of routing, starting and stopping."""
        return [r for r in self.failures() if r["is_planted"] not in ("1", "True", "true")]


def wait_for(condition: Callable[[], bool], seconds: float = 60.0) -> None:
    """Wait until it holds. What nobody can tell, because a part is down, doesn't hold yet."""
    deadline = time.monotonic() + seconds
    while True:
        with contextlib.suppress(Unreachable):
            if condition():
                return
        assert time.monotonic() < deadline, f"not within {seconds} s"
        time.sleep(0.1)


def is_alive(pid: int) -> bool:
    return psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE


@contextlib.contextmanager
def live_plane(home: Path, lease_seconds: int = LEASE_SECONDS) -> Generator[LivePlane]:
    """Start a plane with short lease and TTL in a folder of its own; end it afterwards."""
    catalog = home / "catalog"
    catalog.mkdir(parents=True)
    for name in SERVICES:
        (catalog / f"{name}.yaml").write_text(CATALOG.format(name=name))
    environment = {k: v for k, v in os.environ.items() if not k.startswith("DAVYLAMP_")}
    environment |= {
        "DAVYLAMP_HOME": str(home / "plane"),
        "DAVYLAMP_CATALOG": str(catalog),
        "DAVYLAMP_LEASE_SECONDS": str(lease_seconds),
        "DAVYLAMP_RENEW_SECONDS": "1",
        "DAVYLAMP_TTL_SECONDS": "2",
        "DAVYLAMP_SIGNATURE_SECONDS": "3",
        "DAVYLAMP_ACTOR": "tests",
    }
    plane = LivePlane(home / "plane", environment)
    plane.run("up", "--any-port")
    try:
        yield plane
    finally:
        plane.run("down")


@pytest.fixture(scope="session")
def plane(tmp_path_factory: pytest.TempPathFactory) -> Generator[LivePlane]:
    """One plane for all end-to-end tests of a session; no lease is meant to run out on it."""
    with live_plane(tmp_path_factory.mktemp("live"), PATIENT_LEASE_SECONDS) as found:
        yield found
