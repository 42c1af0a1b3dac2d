"""What a release run costs while it waits: memory and CPU of its worker, step after second.

Most of a release is waiting, and a large fleet has dozens of releases waiting at once. The run
is a real one on Dagster, forked by the zygote, with users on the candidate; it looks at its
evidence each second. For comparison, the same release conducted by the command line.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

import psutil

from benchmarks.plane import BenchPlane, bench_plane, entry, say, wait_for
from benchmarks.report import Figure, Report
from benchmarks.users import users
from davylamp.ledger import evidence, routes
from davylamp.ledger.models import ReleaseState
from davylamp.rollout import operate

SERVICE = "waiting"
SHARE = 0.25
RATE = 50
OWN_MB = 120.0
_START_SECONDS = 60.0
_SETTLE_SECONDS = 3.0


@dataclass(frozen=True)
class Waiting:
    """One process over some seconds. Megabytes are the largest seen."""

    own_mb: float
    """Private to it: what it would give back by ending (USS)."""
    resident_mb: float
    cpu_percent: float
    """Of one core."""


def run(quick: bool) -> Report:
    seconds = 8 if quick else 30
    with bench_plane(entry(SERVICE, [(SHARE, 3600), (1.0, 0)])) as plane:
        older = plane.push(SERVICE, "1.0.0")  # older than stable: no sensor releases it unasked
        plane.make_stable(SERVICE, "1.1.0")
        say("starting Dagster")
        plane.run("up", "--any-port", "--dagster")
        with users(plane, SERVICE, RATE):
            in_dagster, zygote = _in_dagster(plane, older, seconds)
            by_command = _by_command_line(plane, older, seconds)
    figures = (
        Figure("Dagster run: memory of its own", in_dagster.own_mb, "MB", OWN_MB),
        Figure("Dagster run: resident, with what it shares", in_dagster.resident_mb, "MB"),
        Figure("Dagster run: CPU", in_dagster.cpu_percent, "% of a core"),
        Figure("zygote, once for all runs: resident", zygote.resident_mb, "MB"),
        Figure("zygote: CPU", zygote.cpu_percent, "% of a core"),
        Figure("command line: memory of its own", by_command.own_mb, "MB", OWN_MB),
        Figure("command line: resident", by_command.resident_mb, "MB"),
        Figure("command line: CPU", by_command.cpu_percent, "% of a core"),
    )
    ran = (
        f"{seconds} s each at {SHARE:.0%} of {RATE} requests/s, one look at the evidence a second; "
        "the largest memory seen, the average CPU"
    )
    return Report("A release that waits at a step", figures, ran)


def _in_dagster(plane: BenchPlane, version: str, seconds: float) -> tuple[Waiting, Waiting]:
    """The run's worker, and the zygote it was forked from."""
    say(f"a Dagster run waits for {seconds:.0f} s")
    zygote = psutil.Process(plane.pid_of("dagster-zygote"))
    with plane.ledger.begin() as db:
        evidence.ask_for_release(db, SERVICE, version, "benchmark")
    wait_for(lambda: _is_stepping(plane), _START_SECONDS)
    (worker,) = zygote.children()
    found = _watch([worker, zygote], seconds)
    _take_back(plane)
    return found[0], found[1]


def _by_command_line(plane: BenchPlane, version: str, seconds: float) -> Waiting:
    say(f"a release by the command line waits for {seconds:.0f} s")
    with plane.ledger.begin() as db:
        digest = evidence.digest_of_version(db, SERVICE, version)
    operate.forgive(plane.ledger, SERVICE, str(digest))
    with plane.driving(SERVICE, version) as driver:
        wait_for(lambda: _is_stepping(plane), _START_SECONDS)
        found = _watch([psutil.Process(driver.pid)], seconds)[0]
        _take_back(plane)
    return found


def _watch(processes: list[psutil.Process], seconds: float) -> list[Waiting]:
    time.sleep(_SETTLE_SECONDS)
    before = [_cpu_seconds(p) for p in processes]
    memory = [_memory_mb(p) for p in processes]
    began = time.monotonic()
    while time.monotonic() - began < seconds:
        time.sleep(1.0)
        now = [_memory_mb(p) for p in processes]
        memory = [(max(a, c), max(b, d)) for (a, b), (c, d) in zip(memory, now, strict=True)]
    elapsed = time.monotonic() - began
    used = [_cpu_seconds(p) - b for p, b in zip(processes, before, strict=True)]
    return [
        Waiting(own, resident, 100 * cpu / elapsed)
        for (own, resident), cpu in zip(memory, used, strict=True)
    ]


def _memory_mb(process: psutil.Process) -> tuple[float, float]:
    """Own and resident. The kernel counts both over all pages: shared ones only in the second."""
    found = process.memory_full_info()
    return found.uss / 1e6, found.rss / 1e6


def _cpu_seconds(process: psutil.Process) -> float:
    times = process.cpu_times()
    return times.user + times.system


def _is_stepping(plane: BenchPlane) -> bool:
    with plane.ledger.begin() as db:
        intent = routes.read_route(db, SERVICE)
    return intent is not None and intent.candidate_share == SHARE and intent.is_confirmed


def _take_back(plane: BenchPlane) -> None:
    operate.roll_back(plane.ledger, SERVICE, "benchmark", "it has waited long enough")

    def has_ended() -> bool:
        found = plane.last_release(SERVICE)
        return found is not None and found.state is ReleaseState.ROLLED_BACK

    wait_for(has_ended, _START_SECONDS)
