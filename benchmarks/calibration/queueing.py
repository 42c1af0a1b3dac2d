"""Streams from a simulated queueing service: errors and latency emerge, none are drawn.

The second generator of the judge's calibration. Instances with workers, bounded queues,
time-outs, caches and collections serve users that stick to a side; all sides share a
database and a dependency. Candidate and baseline are fresh, alike and of one age; stable is
warm, larger and takes most of the traffic. The same seed gives the same stream, and the same
service, weather and users whether or not the candidate does harm.
"""

from __future__ import annotations

import zlib
from dataclasses import replace

import numpy as np
from numpy.random import Generator

from benchmarks.calibration.queueing_engine import Simulation
from benchmarks.calibration.queueing_harms import MAJOR, MINOR, NOTHING_ELSE, Aftermath, Victim
from benchmarks.calibration.queueing_requests import CANARY, Requests, draw_requests
from benchmarks.calibration.queueing_service import Service, draw_service
from benchmarks.calibration.queueing_tally import draw_proxy, fates, record
from benchmarks.calibration.queueing_weather import SCENARIOS, fair
from davylamp.judge.recording import Recording

UNEQUAL = ("unequal_pools",)
"""Harmless builds on sides of unlike size, which Davylamp never starts: count them apart."""
HARMLESS = tuple(name for name in SCENARIOS if name not in UNEQUAL)
HARMFUL_MAJOR = tuple(MAJOR)
HARMFUL_MINOR = tuple(MINOR)
ONSET_TICK = 60
_OTHER_HOUR = 1_000_003


def queueing_stream(
    scenario: str,
    rps: float,
    seed: int,
    *,
    harm: str | None = None,
    onset_tick: int = ONSET_TICK,
    ticks: int = 600,
    with_stable: bool = True,
    attempt: int = 0,
) -> Recording:
    """One release of one made-up service, `ticks` of 1 s long.

    `scenario` is one of HARMLESS or UNEQUAL, `harm` one of HARMFUL_MAJOR, HARMFUL_MINOR or None;
    they combine freely. `rps` is the requests/s meant for the candidate, and for the baseline;
    what comes differs by the luck of users. Another `attempt` is the same service released again:
    other users on each side, another hour's weather. Without stable nobody else uses the database.
    """
    service_rng, weather_rng, users_rng, harm_rng, reader_rng = _sources(scenario, rps, seed)
    if attempt:
        _, weather_rng, users_rng, *_ = _sources(scenario, rps, seed + attempt * _OTHER_HOUR)
    service = _service(service_rng, scenario, rps, with_stable=with_stable)
    weather = fair(weather_rng, service, ticks)
    service, weather = SCENARIOS[scenario](weather_rng, service, weather)
    requests = draw_requests(users_rng, service, weather)
    aftermath = _do_harm(harm_rng, harm, service, requests, onset_tick)
    simulation = Simulation(
        service,
        weather,
        requests,
        seed,
        events=aftermath.events,
        crash_gaps=aftermath.crash_gaps,
    )
    outcome, proxy = simulation.run(), draw_proxy(reader_rng)
    seen = fates(service, requests.at, outcome, ticks, proxy)
    name = f"queueing-{scenario}-{harm or 'harmless'}-{rps:g}-{seed}"
    return record(service, outcome, seen, proxy, name, reader_rng)


def _sources(scenario: str, rps: float, seed: int) -> list[Generator]:
    """Independent random numbers for each purpose, so that harm changes nothing else."""
    root = np.random.SeedSequence([seed, zlib.crc32(scenario.encode()), round(rps * 1000)])
    return [np.random.default_rng(child) for child in root.spawn(5)]


def _service(rng: Generator, scenario: str, rps: float, *, with_stable: bool) -> Service:
    service = draw_service(rng, rps, with_stable=with_stable)
    if scenario not in UNEQUAL:
        return service
    fewer = service.instances > 1 and rng.random() < 0.5
    return replace(service, baseline_instances=service.instances + (-1 if fewer else 1))


def _do_harm(
    rng: Generator, harm: str | None, service: Service, requests: Requests, onset_tick: int
) -> Aftermath:
    if harm is None:
        return NOTHING_ELSE
    mine = np.flatnonzero((requests.side == CANARY) & (requests.at >= onset_tick))
    return (MAJOR | MINOR)[harm](rng, Victim(service, requests, mine, float(onset_tick)))
