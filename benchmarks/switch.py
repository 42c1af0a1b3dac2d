"""How fast users are off a candidate once it is taken back, and what the switching costs them.

Two loads on one plane. First 200 requests a second while real releases, each conducted by a
process of its own, are rolled back by hand: one row, NOTIFY, controller, Envoy. Then a faster
load while one release's shares go up and down, for many more requests than that.
"""

from __future__ import annotations

import random
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from benchmarks.plane import BenchPlane, bench_plane, entry, say, wait_for
from benchmarks.report import Figure, Report
from benchmarks.users import Asked, users
from davylamp.ledger import routes
from davylamp.ledger.intent import RouteIntent
from davylamp.rollout import operate
from davylamp.rollout.conduct import Conduct

SERVICE = "switched"
SHARE = 0.9
"""Of users on the candidate: the more there are, the better a straggler is seen."""
RATE = 200
FAST_RATE = 600
FAST_PROCESSES = 2
REQUESTS = 100_000
_WHY = "the benchmark takes it back"
_START_SECONDS = 60.0
_CONFIRM_SECONDS = 20.0


@dataclass(frozen=True)
class Switch:
    """One roll-back. Unix seconds, all of this machine's one clock."""

    decided_at: float
    """Before the first statement of the transaction that takes the route."""
    committed_at: float
    confirmed_at: float
    """When the controller wrote that Envoy has it."""
    until: float
    """No request from here on belongs to it."""


def run(quick: bool) -> Report:
    rollbacks, least = (5, 5_000) if quick else (50, REQUESTS)
    with bench_plane(entry(SERVICE, [(SHARE, 3600), (1.0, 0)])) as plane:
        stable = plane.make_stable(SERVICE, "1.0.0")
        candidate = plane.push(SERVICE, "1.1.0")
        with users(plane, SERVICE, RATE) as asked:
            slow = [_release_and_roll_back(plane, candidate, n + 1) for n in range(rollbacks)]
        with users(plane, SERVICE, FAST_RATE, FAST_PROCESSES) as asked_fast:
            seconds = max(10.0, (least * 1.05 - len(asked)) / FAST_RATE)
            fast = _flip(plane, candidate, seconds)
    met = {a.version for a in (*asked, *asked_fast)} - {""}
    if met != {stable, candidate}:
        raise AssertionError(f"users met {met}, not {stable} and {candidate}")
    return _report(slow, asked, fast, asked_fast, candidate)


def _release_and_roll_back(plane: BenchPlane, version: str, number: int) -> Switch:
    """A whole release by a process of its own, taken back by hand while users are on it."""
    say(f"roll-back {number}")
    before = plane.last_release(SERVICE)
    if before is not None and before.digest and before.version == version:
        operate.forgive(plane.ledger, SERVICE, before.digest)
    driver = plane.start("release", SERVICE, version, "--here")
    try:
        wait_for(lambda: _has_users(_route(plane)), _START_SECONDS)
        time.sleep(random.uniform(0.5, 1.5))  # at any moment of the controller's second
        decided_at = time.time()
        intent = operate.roll_back(plane.ledger, SERVICE, "benchmark", _WHY)
        committed_at = time.time()
        confirmed_at = _confirmed_at(plane, intent.generation)
    finally:
        driver.wait(_START_SECONDS)
    return Switch(decided_at, committed_at, confirmed_at, time.time())


def _flip(plane: BenchPlane, version: str, seconds: float) -> list[Switch]:
    """Start one release's copies, and have its share go up and down for so many seconds."""
    say(f"shares up and down for {seconds:.0f} s")
    last = plane.last_release(SERVICE)
    if last is not None and last.digest:
        operate.forgive(plane.ledger, SERVICE, last.digest)
    conduct = Conduct.open(plane.parts, service=SERVICE, image=version, requested_by="benchmark")
    try:
        conduct.verify()
        conduct.guard()
        conduct.start()
        end = time.monotonic() + seconds
        switches: list[Switch] = []
        while time.monotonic() < end:
            switches.append(_up_and_down(plane, conduct))
        return switches
    finally:
        conduct.roll_back(_WHY)


def _up_and_down(plane: BenchPlane, conduct: Conduct) -> Switch:
    hold = conduct.session.hold
    hold.wait_until_confirmed(hold.set_shares(SHARE, 1.0 - SHARE, "up"))
    time.sleep(random.uniform(0.2, 0.7))
    decided_at = time.time()
    intent = hold.set_shares(0.0, 0.0, "down")
    committed_at = time.time()
    confirmed_at = _confirmed_at(plane, intent.generation)
    time.sleep(random.uniform(0.1, 0.4))
    return Switch(decided_at, committed_at, confirmed_at, time.time())


def _route(plane: BenchPlane) -> RouteIntent | None:
    with plane.ledger.begin() as db:
        return routes.read_route(db, SERVICE)


def _has_users(intent: RouteIntent | None) -> bool:
    return intent is not None and intent.candidate_share == SHARE and intent.is_confirmed


def _confirmed_at(plane: BenchPlane, generation: int) -> float:
    """By the database's clock, which is this machine's."""
    found: list[float] = []

    def is_confirmed() -> bool:
        with plane.ledger.begin() as db:
            query = routes.select(routes.RouteRow).where(routes.RouteRow.service == SERVICE)
            row = db.execute(query).one()
        if row.confirmed_generation >= generation:
            found.append(row.confirmed_at.timestamp())
        return bool(found)

    wait_for(is_confirmed, _CONFIRM_SECONDS, pause_seconds=0.005)
    return found[0]


def _last_on(asked: Sequence[Asked], version: str, switches: Sequence[Switch]) -> list[float]:
    """For each switch, milliseconds from the decision to the beginning of the last request that
    the candidate answered. Negative when none came after the decision."""
    at = np.sort([a.at for a in asked if a.version == version])
    lasts = [at[np.searchsorted(at, s.until) - 1] for s in switches]
    return [1000 * (last - s.decided_at) for last, s in zip(lasts, switches, strict=True)]


def _report(
    slow: Sequence[Switch],
    asked: Sequence[Asked],
    fast: Sequence[Switch],
    asked_fast: Sequence[Asked],
    candidate: str,
) -> Report:
    users_off = _last_on(asked, candidate, slow)
    users_off_fast = _last_on(asked_fast, candidate, fast)
    failed = sum(a.failed for a in (*asked, *asked_fast))
    figures = (
        *_spread("decision → last request on the candidate", users_off, aim=50.0),
        *_spread("decision → commit", [1000 * (s.committed_at - s.decided_at) for s in slow]),
        *_spread("decision → confirmed", [1000 * (s.confirmed_at - s.decided_at) for s in slow]),
        *_spread(f"the same at {FAST_RATE}/s: last request", users_off_fast),
        Figure("roll-backs", len(slow)),
        Figure(f"switches at {FAST_RATE}/s", 2 * len(fast)),
        Figure("requests", len(asked) + len(asked_fast)),
        Figure("failed requests", failed, "", 0),
    )
    return Report("Taking a candidate back", figures, _ran(asked, asked_fast))


def _spread(what: str, values: Iterable[float], aim: float | None = None) -> tuple[Figure, ...]:
    found = np.array(list(values))
    p50, p99 = np.quantile(found, [0.5, 0.99], method="higher")
    return (
        Figure(f"{what}, p50", float(p50), "ms"),
        Figure(f"{what}, p99", float(p99), "ms", aim),
        Figure(f"{what}, max", float(found.max()), "ms"),
    )


def _ran(asked: Sequence[Asked], asked_fast: Sequence[Asked]) -> str:
    return (
        f"{len(asked):,} requests at {RATE}/s through whole releases, {SHARE:.0%} of users on the "
        f"candidate; {len(asked_fast):,} at {FAST_RATE}/s while shares went up and down"
    )
