"""Real services with real harms, released side by side on one plane: what the judge makes of them.

All releases run at the same time; then each is held against what it should have come to.
"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from davylamp.judge.verdict import Outcome
from davylamp.ledger.releases import Release
from tests.forked import Forked
from tests.live_plane import ROOT, LivePlane, wait_for

pytestmark = [pytest.mark.server, pytest.mark.slow, pytest.mark.timeout(600)]

ENTRY = """\
name: {name}
owner: tests
image: {{repository: shop/{name}}}
route: {{hosts: [{name}.localhost], shield: {shield}}}
instances: 1
health: {{path: /healthz, start_seconds: 30}}
release:
  steps:
    - {{share: 0.1, seconds: 2, minimum_requests: 1}}
    - {{share: 0.4, seconds: 20, minimum_requests: 50}}
    - {{share: 1.0, seconds: 2, minimum_requests: 0}}
  patience_seconds: 180
  hold_seconds: 2
  drain_seconds: 1
judge: {{warm_up_seconds: 12}}
"""
_AGAINST = ("High", "Low")
_AT_ONCE = 3
"""Commands at a time: more only wait for each other on two cores."""


@dataclass(frozen=True)
class Build:
    """A build of a service of its own, and by which metrics it must be found wanting."""

    service: str
    fault: dict[str, float]
    blamed: frozenset[str] = frozenset()
    usual: dict[str, float] = field(default_factory=dict[str, float])
    """What the stable build is like, too."""
    rate: int = 30
    is_shielded: bool = True


HARMS = (
    Build("judged-errors-all", {"error_rate": 1}, frozenset({"error_rate"})),
    Build("judged-errors-some", {"error_rate": 0.2}, frozenset({"error_rate"})),
    Build(
        "judged-slow-tail",
        {"slow_share": 0.06, "slow_factor": 4},
        frozenset({"latency_p99", "latency_p90"}),
        {"median_ms": 60},
        rate=40,
    ),
    # a shield turns hangs into time-outs, which are errors: without one they stay what they are
    Build("judged-hang", {"hang_share": 0.3}, frozenset({"hanging"}), is_shielded=False),
    Build("judged-leak", {"leak_bytes": 3e6}, frozenset({"memory_bytes"}), rate=15),
    Build("judged-unauthorized", {"unauthorized_rate": 0.5}, frozenset({"client_error_rate"})),
)
HEALTHY = Build(
    "judged-cold-start", {}, usual={"cold_seconds": 10, "cold_factor": 4, "median_ms": 25}, rate=80
)


@pytest.fixture(scope="module")
def plane(plane: LivePlane) -> LivePlane:
    """The session's plane; a driver may be late by more than where leases are on trial."""
    patience = {"DAVYLAMP_LEASE_SECONDS": "30", "DAVYLAMP_RENEW_SECONDS": "3"}
    return replace(plane, environment=plane.environment | patience)


@pytest.fixture(scope="module")
def ended(plane: LivePlane) -> dict[str, Release]:
    """All of them released at once, each under load; by service, how its release ended."""
    builds = (*HARMS, HEALTHY)
    catalog = Path(plane.environment["DAVYLAMP_CATALOG"])
    for build in builds:
        entry = ENTRY.format(name=build.service, shield=str(build.is_shielded).lower())
        (catalog / f"{build.service}.yaml").write_text(entry)
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        list(pool.map(lambda b: _make_stable(plane, b), builds))
        pushed = list(pool.map(lambda b: plane.push(b.service, **b.usual, **b.fault), builds))
    with contextlib.ExitStack() as stack:
        for build in builds:
            stack.enter_context(plane.load(build.service, build.rate))
        drivers = [
            _begin_release(plane, build.service, version)
            for build, version in zip(builds, pushed, strict=True)
        ]
        stack.callback(_end, drivers)
        for driver in drivers:
            wait_for(lambda one=driver: one.poll() is not None, 360)
    return {build.service: plane.last_release(build.service) for build in builds}


def _make_stable(plane: LivePlane, build: Build) -> None:
    done = plane.release(build.service, plane.push(build.service, **build.usual))
    assert done.state == "promoted", done.reason


def _begin_release(plane: LivePlane, service: str, version: str) -> Forked:
    """Not waited for: all are to begin at once."""
    args = ["release", service, version, "--here"]
    log = plane.home / f"driver-{service}.log"
    return Forked("davylamp.cli.main", args, env=plane.environment, cwd=ROOT, out=log)


def _end(drivers: Sequence[Forked]) -> None:
    for driver in drivers:
        driver.kill()
        driver.wait(10)


@pytest.mark.parametrize("build", HARMS, ids=lambda b: b.service)
def test_a_harmful_build_is_rolled_back_for_the_right_reason(
    plane: LivePlane, ended: dict[str, Release], build: Build
) -> None:
    done = ended[build.service]
    assert done.state == "rolled_back", done.reason
    verdict = plane.last_verdict(done.id)
    assert verdict is not None
    assert verdict["outcome"] == Outcome.ROLLBACK, verdict["headline"]
    assert verdict["headline"] in done.reason
    against = {m["name"] for m in verdict["metrics"] if m["classification"] in _AGAINST}
    assert against & build.blamed, verdict["headline"]
    assert verdict["metrics"][0]["name"] in build.blamed, verdict["headline"]
    assert plane.serves(build.service)
    assert plane.processes_of(done.id) == []


def test_a_healthy_build_that_starts_cold_is_promoted(
    plane: LivePlane, ended: dict[str, Release]
) -> None:
    done = ended[HEALTHY.service]
    assert done.state == "promoted", done.reason
    assert plane.versions_served(HEALTHY.service) == {done.version}
