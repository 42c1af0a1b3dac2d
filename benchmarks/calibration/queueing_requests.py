"""Who asks for what, when: users with habits, split over the sides by their hash."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from numpy.random import Generator

from benchmarks.calibration.queueing_service import Need, Service
from benchmarks.calibration.queueing_weather import Weather
from davylamp.judge.sample import Floats

Ints = npt.NDArray[np.int64]

OK, CLIENT_ERROR, FAILED, LOST = range(4)
"""How a request ends. LOST is refused, reset or timed out: it has no latency."""
CANARY, BASELINE, STABLE = range(3)


@dataclass
class Requests:
    """One row a request, in order of arrival. Harms change the columns before they are run."""

    at: Floats
    side: Ints
    instance: Ints
    endpoint: Ints
    need: Ints
    item: Ints
    cpu_seconds: Floats
    shared_seconds: Floats
    result: Ints
    garbage_mb: Floats
    leak_mb: Floats
    lock_seconds: Floats
    """For which it locks the whole database."""
    trouble: Floats
    """Chance that a call to the dependency fails, besides the weather's."""
    retries: Ints
    hangs: npt.NDArray[np.bool_]
    """Never ends, and never gives its worker back."""


def draw_requests(rng: Generator, service: Service, weather: Weather) -> Requests:
    """All requests of all sides over the weather's ticks."""
    weights = _activity(rng, service, weather)
    at = _arrivals(rng, service, weather)
    user = np.searchsorted(np.cumsum(weights), rng.random(len(at)) * (1 - 1e-12))
    at = _in_sessions(rng, at, user, np.argsort(-weights)[: weather.bursty_users], weather)
    order = np.argsort(at, kind="stable")
    at, user = at[order], user[order]
    side = _sides(rng.random(len(weights)), service)[user]
    endpoint = _endpoints(rng, service, weather, user, len(weights))
    size, none = len(at), np.zeros(len(at))
    cpu = np.array([e.cpu_seconds for e in service.endpoints])[endpoint] * _noise(
        rng, service, size
    )
    return Requests(
        at=at,
        side=side,
        instance=_instances(service, side, user),
        endpoint=endpoint,
        need=np.array([e.need for e in service.endpoints])[endpoint],
        item=_popular(rng, service.items, size),
        cpu_seconds=cpu,
        shared_seconds=np.array([e.shared_seconds for e in service.endpoints])[endpoint]
        * _noise(rng, service, size),
        result=_results(rng, service, user, len(weights)),
        garbage_mb=service.garbage_mb * cpu / service.cpu_seconds,
        leak_mb=none.copy(),
        lock_seconds=none.copy(),
        trouble=none.copy(),
        retries=np.full(size, service.retries),
        hangs=np.zeros(size, dtype=np.bool_),
    )


def _activity(rng: Generator, service: Service, weather: Weather) -> Floats:
    """Shares of all traffic by user, none above the weather's top share."""
    count = int(np.clip(service.rps * 100, 2000, 40_000))
    weights = rng.permutation((3.0 + np.arange(count)) ** -weather.activity)
    weights = np.minimum(weights / weights.sum(), weather.top_share)
    return weights / weights.sum()


def _arrivals(rng: Generator, service: Service, weather: Weather) -> Floats:
    """A Poisson process with the weather's rate, seconds since the start."""
    mean = service.rps * (2 + service.stable_ratio) * weather.rate
    counts = rng.poisson(mean)
    return np.repeat(np.arange(len(mean)), counts) + rng.random(int(counts.sum()))


def _in_sessions(
    rng: Generator, at: Floats, user: Ints, heaviest: Ints, weather: Weather
) -> Floats:
    """The heaviest users' requests pushed together into a session or three."""
    at, ticks = at.copy(), len(weather.rate)
    for who in heaviest:
        mine = np.flatnonzero(user == who)
        length = ticks * rng.uniform(0.1, 0.3)
        starts = rng.uniform(0, ticks - length, int(rng.integers(1, 4)))
        at[mine] = rng.choice(starts, len(mine)) + rng.uniform(0, length, len(mine))
    return at


def _sides(place: Floats, service: Service) -> Ints:
    """Candidate [0, f), baseline [1 − f, 1), stable between."""
    share = service.side_share
    return np.where(place < share, CANARY, np.where(place >= 1 - share, BASELINE, STABLE))


def _instances(service: Service, side: Ints, user: Ints) -> Ints:
    """Round robin over a side's instances, or by user."""
    chosen = np.zeros(len(side), dtype=np.int64)
    first = 0
    for which, count in enumerate(pool_sizes(service)):
        mine = np.flatnonzero(side == which)
        turn = user[mine] if service.sticky_instances else np.arange(len(mine))
        chosen[mine] = first + turn % max(count, 1)
        first += count
    return chosen


def pool_sizes(service: Service) -> tuple[int, int, int]:
    """Instances of canary, baseline and stable; they are numbered in this order."""
    return (
        service.instances,
        service.baseline_instances,
        service.instances * service.stable_ratio,
    )


def _endpoints(rng: Generator, service: Service, weather: Weather, user: Ints, users: int) -> Ints:
    steps = np.cumsum([e.share for e in service.endpoints])
    last = len(steps) - 1
    favourite = np.minimum(np.searchsorted(steps, rng.random(users)), last)
    anyone = np.minimum(np.searchsorted(steps, rng.random(len(user))), last)
    return np.where(rng.random(len(user)) < weather.habit, favourite[user], anyone)


def _popular(rng: Generator, items: int, size: int) -> Ints:
    """Item numbers, log-uniform: the Zipf law with exponent 1. 0 is asked for most."""
    return np.minimum(np.exp(rng.random(size) * np.log(items)).astype(np.int64), items) - 1


def _noise(rng: Generator, service: Service, size: int) -> Floats:
    """Log-normal with mean 1."""
    return np.exp(rng.normal(-(service.spread**2) / 2, service.spread, size))


def _results(rng: Generator, service: Service, user: Ints, users: int) -> Ints:
    """What each request would end in on a good day. One user in fifty is a bot that gets 4xx."""
    bots = rng.random(users) < 0.02
    refused = np.where(bots, rng.uniform(0.1, 0.5, users), service.client_error_rate)
    chance = rng.random(len(user))
    answers = np.where(chance < refused[user], CLIENT_ERROR, OK)
    return np.where(rng.random(len(user)) < service.error_rate, FAILED, answers)


__all__ = [
    "BASELINE",
    "CANARY",
    "CLIENT_ERROR",
    "FAILED",
    "LOST",
    "OK",
    "STABLE",
    "Need",
    "Requests",
]
