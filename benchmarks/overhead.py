"""What a release costs when there is nothing to wait for.

Its steps last zero seconds and ask for no requests; since no evidence comes in no time, somebody
promotes it at the last one. What is left is the platform's own work: starting and ending copies,
writing rows, and waiting for Envoy to confirm. Once conducted by the command line, once by a
Dagster run that the zygote forks.
"""

from __future__ import annotations

import os
import statistics
import threading
import time
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import psutil

from benchmarks.dagster_run import end_of_run
from benchmarks.plane import BenchPlane, bench_plane, entry, say, wait_for
from benchmarks.report import Figure, Report
from davylamp.ledger import evidence
from davylamp.ledger.models import ReleaseState
from davylamp.ledger.releases import Event, Release, events_of
from davylamp.rollout import operate

HERE, DAGSTER = "hurried-here", "hurried-run"
"""The services: one released by the command line, one by Dagster."""
STEPS = ((0.01, 0), (0.05, 0), (0.25, 0), (1.0, 0))
WALL_SECONDS, CPU_SECONDS = 4.0, 2.0
_LAST_STEP = 2
_RELEASE_SECONDS = 60.0
_PARTS = (
    ("verify", "opened", "verified"),
    ("guard", "verified", "starting"),
    ("start copies", "starting", "stepping"),
    ("three steps", "stepping", "promoting"),
    ("full size, all users, watch", "promoting", "made_stable"),
    ("confirm, end old copies", "made_stable", "promoted"),
)
"""Stages, and the events between which they lie."""


@dataclass(frozen=True)
class Cost:
    """One release. Seconds."""

    wall: float
    cpu: float
    """Of the process that conducted it."""
    before: float
    """From asking for it to the beginning of its run."""
    stages: Mapping[str, float]


def run(quick: bool) -> Report:
    count = 2 if quick else 8
    with bench_plane(entry(HERE, STEPS), entry(DAGSTER, STEPS)) as plane:
        plane.make_stable(HERE, "1.0.0")
        versions = [plane.push(HERE, f"1.{n + 1}.0") for n in range(count)]
        here = [_by_command_line(plane, version) for version in versions]
        # older than the stable version, so that no sensor releases them unasked
        versions = [plane.push(DAGSTER, f"1.0.{n}") for n in range(count)]
        plane.make_stable(DAGSTER, "1.1.0")
        say("starting Dagster")
        plane.run("up", "--any-port", "--dagster")
        dagster = [_by_dagster(plane, version) for version in versions]
    figures = (*_figures("command line", here), *_figures("Dagster run", dagster))
    asked = Figure(
        "Dagster: asked → its run begins (not part of the above)",
        statistics.median(c.before for c in dagster),
        "s",
    )
    ran = f"{count} releases each, of builds not unpacked before; medians, the largest where said"
    return Report("A release whose steps wait zero seconds", (*figures, asked), ran)


def _by_command_line(plane: BenchPlane, version: str) -> Cost:
    """From the start of the interpreter to its end."""
    say(f"{version} by the command line")
    began = time.monotonic()
    with _promoting(plane, HERE), plane.driving(HERE, version) as driver:
        _, status, used = os.wait4(driver.pid, 0)
        wall = time.monotonic() - began
        driver.returncode = os.waitstatus_to_exitcode(status)
    return Cost(wall, used.ru_utime + used.ru_stime, 0.0, _stages(plane, HERE, version))


def _by_dagster(plane: BenchPlane, version: str) -> Cost:
    """From the beginning of the run to its end; the worker's CPU from its fork."""
    say(f"{version} by a Dagster run")
    zygote = psutil.Process(plane.pid_of("dagster-zygote"))
    before = _of_children(zygote)
    asked_at = time.time()
    with _promoting(plane, DAGSTER), plane.ledger.begin() as db:
        evidence.ask_for_release(db, DAGSTER, version, "benchmark")
    run_of_it = end_of_run(plane, _ended(plane, DAGSTER, version).run_id)
    wait_for(lambda: not zygote.children(), 10.0)  # then it has been reaped, and counted
    return Cost(
        wall=run_of_it.ended_at - run_of_it.began_at,
        cpu=_of_children(zygote) - before,
        before=run_of_it.began_at - asked_at,
        stages=_stages(plane, DAGSTER, version),
    )


def _of_children(process: psutil.Process) -> float:
    """CPU-seconds of the children it has waited for."""
    times = process.cpu_times()
    return times.children_user + times.children_system


@contextmanager
def _promoting(plane: BenchPlane, service: str) -> Generator[None]:
    """Wish for promotion as soon as the next release has reached its last judged step."""
    last = plane.last_release(service)
    after = last.id if last else 0

    def is_at_last_step() -> bool:
        found = plane.last_release(service)
        if found is None or found.id <= after:
            return False
        if found.state.is_end:
            raise AssertionError(f"release {found.id} ended before its last step: {found.reason}")
        return found.state is ReleaseState.STEPPING and found.step == _LAST_STEP

    def promote() -> None:
        wait_for(lambda: given_up.is_set() or is_at_last_step(), _RELEASE_SECONDS, 0.01)
        if not given_up.is_set():
            operate.promote(plane.ledger, service, "benchmark", "there is nothing to wait for")

    given_up = threading.Event()
    promoting = threading.Thread(target=promote)
    promoting.start()
    try:
        yield
    except BaseException:
        given_up.set()
        raise
    finally:
        promoting.join(_RELEASE_SECONDS + 5)


def _ended(plane: BenchPlane, service: str, version: str) -> Release:
    def has_ended() -> bool:
        found = plane.last_release(service)
        return found is not None and found.version == version and found.state.is_end

    wait_for(has_ended, _RELEASE_SECONDS)
    found = plane.last_release(service)
    if found is None or found.state is not ReleaseState.PROMOTED:
        raise AssertionError(f"{version} was not promoted: {found}")
    return found


def _stages(plane: BenchPlane, service: str, version: str) -> dict[str, float]:
    """How long each stage took, by the ledger's events."""
    with plane.ledger.begin() as db:
        events = events_of(db, _ended(plane, service, version).id)
    return {name: _first(events, end) - _first(events, begin) for name, begin, end in _PARTS}


def _first(events: Sequence[Event], kind: str) -> float:
    return next(e.at.timestamp() for e in events if e.kind == kind)


def _figures(how: str, costs: Sequence[Cost]) -> list[Figure]:
    median = statistics.median
    stages = {name: median(c.stages[name] for c in costs) for name, _, _ in _PARTS}
    rest = median(c.wall - sum(c.stages.values()) for c in costs)
    return [
        Figure(f"{how}: wall clock", median(c.wall for c in costs), "s", WALL_SECONDS),
        Figure(f"{how}: wall clock, largest", max(c.wall for c in costs), "s", WALL_SECONDS),
        *(Figure(f"  {how}: {name}", seconds, "s") for name, seconds in stages.items()),
        Figure(f"  {how}: before, between and after", rest, "s"),
        Figure(f"{how}: CPU of the driver", median(c.cpu for c in costs), "s", CPU_SECONDS),
        Figure(f"{how}: CPU, largest", max(c.cpu for c in costs), "s", CPU_SECONDS),
    ]
