"""How fast users are off a candidate once it is taken back, and what the switching costs them.

Three loads on one plane. First 200 requests a second while real releases, each conducted by a
process of its own, are rolled back by hand: one row, NOTIFY, controller, Envoy. Then the same
with a bad build that the judge takes back. Then a faster load while one release's shares go up
and down, for many more requests than that.
"""

from __future__ import annotations

import random
import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from sqlalchemy import select

from benchmarks.plane import BenchPlane, bench_plane, entry, say, wait_for
from benchmarks.report import Figure, Report
from benchmarks.users import Asked, users
from davylamp.errors import Unreachable
from davylamp.ledger import evidence, routes
from davylamp.ledger.intent import RouteIntent
from davylamp.ledger.models import RouteRow, VerdictRow
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
    by_hand, by_judge, least = (5, 2, 5_000) if quick else (50, 10, REQUESTS)
    with bench_plane(entry(SERVICE, [(SHARE, 3600), (1.0, 0)])) as plane:
        stable = plane.make_stable(SERVICE, "1.0.0")
        candidate = plane.push(SERVICE, "1.1.0")
        bad = plane.push(SERVICE, "1.2.0", SHOP_ERROR_RATE="0.5")
        with users(plane, SERVICE, RATE) as asked:
            hand = [_roll_back_by_hand(plane, candidate, n + 1) for n in range(by_hand)]
            judge = [_roll_back_by_judge(plane, bad, n + 1) for n in range(by_judge)]
        with users(plane, SERVICE, FAST_RATE, FAST_PROCESSES) as asked_fast:
            seconds = max(10.0, (least * 1.05 - len(asked)) / FAST_RATE)
            fast = _flip(plane, candidate, seconds)
    met = {a.version for a in (*asked, *asked_fast)} - {""}
    if met != {stable, candidate, bad}:
        raise AssertionError(f"users met {met}, not {stable}, {candidate} and {bad}")
    lasts = _last_on(asked, candidate, hand), _last_on(asked_fast, candidate, fast)
    return _report(hand, judge, lasts, asked, asked_fast)


def _roll_back_by_hand(plane: BenchPlane, version: str, number: int) -> Switch:
    """A whole release by a process of its own, taken back by hand while users are on it."""
    say(f"roll-back {number} by hand")
    _forgive(plane, version)
    with plane.driving(SERVICE, version):
        wait_for(lambda: _has_users(_route(plane)), _START_SECONDS)
        time.sleep(random.uniform(0.5, 1.5))  # at any moment of the controller's second
        decided_at = time.time()
        intent = operate.roll_back(plane.ledger, SERVICE, "benchmark", _WHY)
        committed_at = time.time()
        confirmed_at = _confirmed_at(plane, intent.generation)
    return Switch(decided_at, committed_at, confirmed_at, time.time())


def _roll_back_by_judge(plane: BenchPlane, version: str, number: int) -> Switch:
    """A whole release of a bad build, until it has ended by itself."""
    say(f"roll-back {number} by the judge")
    _forgive(plane, version)
    plane.run("release", SERVICE, version, "--here", check=False)
    ended = plane.last_release(SERVICE)
    if ended is None or ended.state != "rolled_back" or ended.decided_at is None:
        raise Unreachable(f"the bad build was not rolled back: {ended}")
    query = select(VerdictRow.at).where(VerdictRow.release_id == ended.id)
    with plane.ledger.begin() as db:
        verdict_at = db.execute(query.order_by(VerdictRow.id.desc()).limit(1)).scalar_one()
        route = db.execute(select(RouteRow).where(RouteRow.service == SERVICE)).one()
    if route.confirmed_generation != route.generation:
        raise Unreachable(f"generation {route.generation} of {SERVICE} was not confirmed")
    written_at, confirmed_at = route.updated_at.timestamp(), route.confirmed_at.timestamp()
    return Switch(verdict_at.timestamp(), written_at, confirmed_at, time.time())


def _flip(plane: BenchPlane, version: str, seconds: float) -> list[Switch]:
    """Start one release's copies, and have its share go up and down for so many seconds."""
    say(f"shares up and down for {seconds:.0f} s")
    _forgive(plane, version)
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


def _forgive(plane: BenchPlane, version: str) -> None:
    """A build that was taken back is known bad; here it is to be released again."""
    with plane.ledger.begin() as db:
        digest = evidence.digest_of_version(db, SERVICE, version)
    if digest is not None:
        operate.forgive(plane.ledger, SERVICE, digest)


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
            row = db.execute(select(RouteRow).where(RouteRow.service == SERVICE)).one()
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
    return [_ms(last, s) for last, s in zip(lasts, switches, strict=True)]


def _report(
    hand: Sequence[Switch],
    judge: Sequence[Switch],
    lasts: tuple[Sequence[float], Sequence[float]],
    asked: Sequence[Asked],
    asked_fast: Sequence[Asked],
) -> Report:
    slow, fast = lasts
    figures = (
        *_spread("decision → last request on the candidate", slow, aim=50.0),
        *_spread("decision → commit of its row", [_ms(s.committed_at, s) for s in hand]),
        *_spread("decision → confirmed by Envoy", [_ms(s.confirmed_at, s) for s in hand]),
        *_spread("judge's verdict → confirmed by Envoy", [_ms(s.confirmed_at, s) for s in judge]),
        *_spread(f"decision → last request, at {FAST_RATE}/s", fast),
        Figure("requests", len(asked) + len(asked_fast)),
        Figure("requests failed by switching", sum(a.failed for a in (*asked, *asked_fast)), "", 0),
    )
    ran = (
        f"{len(hand)} releases rolled back by hand and {len(judge)} by the judge under "
        f"{len(asked):,} requests at {RATE}/s, {SHARE:.0%} of users on the candidate; "
        f"{2 * len(fast)} changes of shares under {len(asked_fast):,} requests at {FAST_RATE}/s"
    )
    return Report("Taking a candidate back", figures, ran)


def _ms(at: float, switch: Switch) -> float:
    return 1000 * (at - switch.decided_at)


def _spread(what: str, values: Sequence[float], aim: float | None = None) -> tuple[Figure, ...]:
    """The worst is only told where p99 is something else."""
    p50, p99 = np.quantile(values, [0.5, 0.99], method="higher")
    found = (
        Figure(f"{what}, p50", float(p50), "ms"),
        Figure(f"{what}, p99", float(p99), "ms", aim),
    )
    return (*found, Figure(f"{what}, max", max(values), "ms")) if max(values) > p99 else found
