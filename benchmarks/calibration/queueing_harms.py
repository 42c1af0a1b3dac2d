"""What a bad build does. Each harm changes the candidate's requests from its onset on.

Only causes are set here (code that throws, runs long, leaks, locks); what the judge sees
of it comes out of the queues.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.random import Generator

from benchmarks.calibration.queueing_requests import CLIENT_ERROR, FAILED, Ints, Requests
from benchmarks.calibration.queueing_service import Need, Service
from benchmarks.calibration.queueing_shared import CRASH, SHRINK, Event


@dataclass(frozen=True)
class Aftermath:
    """What else is to happen, and the lives of what crashes by itself."""

    events: tuple[Event, ...] = ()
    crash_gaps: tuple[float, ...] = ()


@dataclass(frozen=True)
class Victim:
    """`mine` are the rows of the requests the bad build gets to see, from `onset` seconds on."""

    service: Service
    requests: Requests
    mine: Ints
    onset: float


Harm = Callable[[Generator, Victim], Aftermath]
NOTHING_ELSE = Aftermath()


def _answer_early(rng: Generator, victim: Victim, chosen: Ints, result: int) -> None:
    """Answer before the work is done, and without asking anybody."""
    requests = victim.requests
    requests.result[chosen] = result
    requests.need[chosen] = Need.NOTHING
    requests.cpu_seconds[chosen] *= rng.uniform(0.1, 1.0, len(chosen))


def _some(rng: Generator, rows: Ints, share: float) -> Ints:
    return rows[rng.random(len(rows)) < share]


def exceptions(share: float) -> Harm:
    """A share of all requests throws."""

    def harm(rng: Generator, victim: Victim) -> Aftermath:
        _answer_early(rng, victim, _some(rng, victim.mine, share), FAILED)
        return NOTHING_ELSE

    return harm


def bad_endpoint(rng: Generator, victim: Victim) -> Aftermath:
    """Most requests throw at one endpoint, the one nearest to 10 % of the traffic."""
    shares = np.array([e.share for e in victim.service.endpoints])
    rows = victim.mine[victim.requests.endpoint[victim.mine] == np.argmin(np.abs(shares - 0.1))]
    _answer_early(rng, victim, _some(rng, rows, rng.uniform(0.6, 1.0)), FAILED)
    return NOTHING_ELSE


def storm_401(rng: Generator, victim: Victim) -> Aftermath:
    """The build refuses many of its users."""
    _answer_early(rng, victim, _some(rng, victim.mine, rng.uniform(0.3, 1.0)), CLIENT_ERROR)
    return NOTHING_ELSE


def slow_code(factor: float) -> Harm:
    """All code takes so many times the CPU."""

    def harm(rng: Generator, victim: Victim) -> Aftermath:
        victim.requests.cpu_seconds[victim.mine] *= factor
        return NOTHING_ELSE

    return harm


def slow_endpoint(rng: Generator, victim: Victim) -> Aftermath:
    """The endpoint that uses most CPU needs three times as much."""
    use = [e.share * e.cpu_seconds for e in victim.service.endpoints]
    rows = victim.mine[victim.requests.endpoint[victim.mine] == np.argmax(use)]
    victim.requests.cpu_seconds[rows] *= 3
    return NOTHING_ELSE


def slow_sql(rng: Generator, victim: Victim) -> Aftermath:
    """The commonest query has lost its index."""
    use = [e.share * (e.need in (Need.CACHED_READ, Need.WRITE)) for e in victim.service.endpoints]
    rows = victim.mine[victim.requests.endpoint[victim.mine] == np.argmax(use)]
    victim.requests.shared_seconds[rows] += rng.uniform(0.1, 0.6)
    victim.requests.need[rows] = Need.WRITE
    return NOTHING_ELSE


def leak(low: float, high: float) -> Harm:
    """Memory that is never freed; at the mean load the limit is met in low to high seconds."""

    def harm(rng: Generator, victim: Victim) -> Aftermath:
        service = victim.service
        room = service.limit_mb - service.live_mb
        rate = service.rps / service.instances
        victim.requests.leak_mb[victim.mine] = room / (rate * rng.uniform(low, high))
        return NOTHING_ELSE

    return harm


def thread_leak(rng: Generator, victim: Victim) -> Aftermath:
    """Now and then a request waits for ever; in 20–80 s no worker is left."""
    service = victim.service
    share = service.workers * service.instances / (service.rps * rng.uniform(20, 80))
    victim.requests.hangs[_some(rng, victim.mine, min(share, 1.0))] = True
    return NOTHING_ELSE


def database_lock(rng: Generator, victim: Victim) -> Aftermath:
    """Now and then a write locks the table everybody needs: both sides suffer."""
    requests = victim.requests
    writes = victim.mine[requests.need[victim.mine] == Need.WRITE]
    hold = max(rng.uniform(1.0, 3.0), 1.3 * victim.service.database.patience_seconds)
    every, last = hold * rng.uniform(2, 4), -np.inf
    for row in writes:
        if requests.at[row] - last > every:
            last = requests.at[row]
            requests.lock_seconds[row] = hold * rng.uniform(0.5, 1.5)
    return NOTHING_ELSE


def small_cache(rng: Generator, victim: Victim) -> Aftermath:
    """The cache holds a hundredth."""
    slots = max(1, victim.service.cache_slots // 100)
    return Aftermath(events=((victim.onset, SHRINK, slots),))


def retry_storm(rng: Generator, victim: Victim) -> Aftermath:
    """Calls are given up too soon and sent again at once, many times."""
    requests = victim.requests
    calls = victim.mine[requests.need[victim.mine] == Need.CALL]
    requests.trouble[calls] = rng.uniform(0.85, 0.95)
    requests.retries[calls] = int(rng.integers(6, 15))
    return NOTHING_ELSE


def crash_loop(rng: Generator, victim: Victim) -> Aftermath:
    """Every instance of the candidate dies again and again, 10–60 s after it is up."""
    typical = rng.uniform(10, 40)
    first = victim.onset + rng.uniform(0, typical, victim.service.instances)
    return Aftermath(
        events=tuple((float(at), CRASH, k) for k, at in enumerate(first)),
        crash_gaps=tuple(typical * rng.uniform(0.5, 1.5, 1000)),
    )


MAJOR: dict[str, Harm] = {
    "errors_100": exceptions(1.0),
    "errors_20": exceptions(0.2),
    "errors_5": exceptions(0.05),
    "bad_endpoint": bad_endpoint,
    "slow_code_x2": slow_code(2),
    "slow_code_x3": slow_code(3),
    "slow_endpoint_x3": slow_endpoint,
    "slow_sql": slow_sql,
    "steep_leak": leak(60, 150),
    "thread_leak": thread_leak,
    "database_lock": database_lock,
    "storm_401": storm_401,
    "retry_storm": retry_storm,
    "crash_loop": crash_loop,
}
"""Nobody would want these promoted."""

MINOR: dict[str, Harm] = {
    "errors_1": exceptions(0.01),
    "cpu_20": slow_code(1.2),
    "slow_leak": leak(1500, 4000),
    "small_cache": small_cache,
}
"""Regressions that hurt little, or late, or only where caches matter."""
