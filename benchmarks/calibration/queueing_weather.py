"""What happens to a service from outside, whichever build it runs: the harmless scenarios.

Each scenario takes the service and the weather so far and returns both changed, so that
`mixed` is nothing but several in a row. Nothing here knows which side is the candidate.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.random import Generator

from benchmarks.calibration.queueing_service import Need, Service
from davylamp.judge.sample import Floats


@dataclass(frozen=True)
class Weather:
    """`rate` (T,) multiplies arrivals. `slow` (instances, T) multiplies CPU time.

    `calls_slow`, `calls_fail` (T,) are the dependency's slowness and share of failures.
    """

    rate: Floats
    slow: Floats
    calls_slow: Floats
    calls_fail: Floats
    quota_cores: float = 0.0
    """CPU an instance may use in a period of 100 ms; 0 = no limit."""
    top_share: float = 0.0012
    """The most one user can be of all traffic."""
    activity: float = 0.7
    """Exponent of the users' Zipf-like activity."""
    habit: float = 0.3
    """How often a user asks for their favourite endpoint."""
    bursty_users: int = 0
    """Heaviest users that come in sessions instead of all the time."""


Scene = tuple[Service, Weather]


def fair(rng: Generator, service: Service, ticks: int) -> Weather:
    """Ordinary weather: traffic swings and flutters, nodes differ a little, code warms up."""
    at = np.arange(ticks)
    swing = 1 + rng.uniform(0, 0.25) * np.sin(
        2 * np.pi * (at / rng.uniform(120, 1200) + rng.random())
    )
    flutter = np.exp(np.repeat(rng.normal(0, rng.uniform(0, 0.2), ticks // 5 + 1), 5)[:ticks])
    slow = np.exp(rng.normal(0, service.node_sigma, (service.total_instances, 1))) + np.zeros(ticks)
    fresh = service.instances + service.baseline_instances
    slow[:fresh] *= warm_up(service, at - rng.uniform(0, 1, (fresh, 1)))
    return Weather(swing * flutter, slow, np.ones(ticks), np.zeros(ticks))


def warm_up(service: Service, age: Floats) -> Floats:
    """How much slower code runs that has been up for `age` seconds."""
    fading = np.exp(-np.maximum(age, 0) * 3 / service.warm_up_seconds)
    return 1 + (service.warm_up_factor - 1) * fading


def _windows(rng: Generator, ticks: int, count: int, low: float, high: float) -> list[slice]:
    """Stretches of low to high seconds, anywhere."""
    starts = rng.uniform(0, ticks, count)
    lengths = np.exp(rng.uniform(np.log(low), np.log(high), count))
    return [slice(int(a), int(a + max(1, n))) for a, n in zip(starts, lengths, strict=True)]


def calm(rng: Generator, service: Service, weather: Weather) -> Scene:
    """Nothing of note."""
    return service, weather


def overload(rng: Generator, service: Service, weather: Weather) -> Scene:
    """Bursts beyond what workers or CPU can do, so that bounded queues overflow."""
    each = service.rps / service.instances
    cores = min(service.cores, weather.quota_cores or service.cores)
    room = max(each * service.busy_seconds / service.workers, each * service.cpu_seconds / cores)
    burst = np.ones_like(weather.rate)
    for window in _windows(rng, len(burst), int(rng.integers(2, 7)), 2, 15):
        burst[window] = np.maximum(burst[window], min(10.0, rng.uniform(0.8, 1.8) / room))
    return service, replace(weather, rate=weather.rate * burst)


def brown_outs(rng: Generator, service: Service, weather: Weather) -> Scene:
    """The dependency is slow and fails, for seconds."""
    slow, fail = weather.calls_slow.copy(), weather.calls_fail.copy()
    for window in _windows(rng, len(slow), int(rng.integers(2, 8)), 3, 40):
        slow[window] *= rng.uniform(2, 25)
        fail[window] = rng.uniform(0.05, 0.7)
    return service, replace(weather, calls_slow=slow, calls_fail=fail)


def gc_pauses(rng: Generator, service: Service, weather: Weather) -> Scene:
    """Stop-the-world collections of 0.1 to 1.5 s."""
    return replace(service, pause_seconds=rng.uniform(0.1, 1.5)), weather


def cold_caches(rng: Generator, service: Service, weather: Weather) -> Scene:
    """Caches start empty and matter; code is slow for a minute or more."""
    slots = service.cache_slots * int(rng.integers(2, 6))
    colder = replace(
        service,
        cache_slots=slots,
        items=int(slots * rng.uniform(1.0, 2.0)),
        item_mb=service.item_mb / 3,
        endpoints=tuple(
            replace(e, shared_seconds=e.shared_seconds * (2 if e.need is Need.CACHED_READ else 1))
            for e in service.endpoints
        ),
        warm_up_seconds=rng.uniform(40, 150),
        warm_up_factor=rng.uniform(1.5, 3),
    )
    fresh = service.instances + service.baseline_instances
    slow = weather.slow.copy()
    slow[:fresh] *= warm_up(colder, np.arange(slow.shape[1]) - rng.uniform(0, 2, (fresh, 1)))
    return colder, replace(weather, slow=slow)


def heavy_users(rng: Generator, service: Service, weather: Weather) -> Scene:
    """A few users are a good part of the traffic, have habits, and stick to a side."""
    return service, replace(
        weather,
        top_share=rng.uniform(0.006, 0.02),
        activity=rng.uniform(0.9, 1.15),
        habit=rng.uniform(0.5, 0.9),
        bursty_users=int(rng.integers(4, 16)),
    )


def cron_jobs(rng: Generator, service: Service, weather: Weather) -> Scene:
    """By the clock: a job on every instance takes CPU, or a client sends its batch."""
    rate, slow = weather.rate.copy(), weather.slow.copy()
    every, length = int(rng.choice([30, 60, 120, 300])), int(rng.integers(1, 7))
    due = (np.arange(len(rate)) + rng.integers(every)) % every < length
    if rng.random() < 0.7:
        slow[:, due] *= rng.uniform(1.3, 4)
    else:
        rate[due] *= rng.uniform(1.5, 4)
    return service, replace(weather, rate=rate, slow=slow)


def throttled_cpu(rng: Generator, service: Service, weather: Weather) -> Scene:
    """A CPU quota for each 100 ms, used up now and then."""
    mean = service.rps / service.instances * service.cpu_seconds
    return service, replace(weather, quota_cores=max(0.2, mean / rng.uniform(0.25, 0.55)))


def memory_sawtooth(rng: Generator, service: Service, weather: Weather) -> Scene:
    """Collections minutes apart; memory climbs, falls, and is given back."""
    rate = service.rps / service.instances
    young = service.live_mb * rng.uniform(0.5, 2)
    return replace(
        service,
        young_mb=young,
        garbage_mb=young / (rate * rng.uniform(40, 300)),
        limit_mb=service.live_mb * 1.6 + young * rng.uniform(2, 4),
        gives_memory_back=True,
    ), weather


def noisy_neighbour(rng: Generator, service: Service, weather: Weather) -> Scene:
    """Somebody else's load slows one instance, any, for a while."""
    slow = weather.slow.copy()
    for window in _windows(rng, slow.shape[1], int(rng.integers(1, 5)), 10, 90):
        slow[rng.integers(len(slow)), window] *= rng.uniform(1.2, 2.5)
    return service, replace(weather, slow=slow)


def mixed(rng: Generator, service: Service, weather: Weather) -> Scene:
    """Three of the others at once; bursts come last, as they look for what is tight."""
    others = [brown_outs, gc_pauses, cold_caches, heavy_users, cron_jobs, throttled_cpu]
    others += [memory_sawtooth, noisy_neighbour, overload]
    for k in sorted(rng.choice(len(others), 3, replace=False)):
        service, weather = others[k](rng, service, weather)
    return service, weather


def unequal_pools(rng: Generator, service: Service, weather: Weather) -> Scene:
    """Calm, for a service whose baseline was given another number of instances."""
    return service, weather


SCENARIOS: dict[str, Callable[[Generator, Service, Weather], Scene]] = {
    scene.__name__: scene
    for scene in (
        calm,
        overload,
        brown_outs,
        gc_pauses,
        cold_caches,
        heavy_users,
        cron_jobs,
        throttled_cpu,
        memory_sawtooth,
        noisy_neighbour,
        mixed,
        unequal_pools,
    )
}
