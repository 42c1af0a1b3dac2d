"""What a bad canary does. The size grows from its onset on, at once or along a ramp."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from benchmarks.calibration.noise_conditions import Conditions, either, with_failures
from davylamp.judge.sample import Floats

Rng = np.random.Generator


@dataclass(frozen=True)
class Harm:
    """Harm on the canary from `onset_tick` on, full after `ramp_ticks` more.

    | kind | size |
    | --- | --- |
    | errors | share of requests that fail |
    | error_ratio | factor on the usual error rate |
    | endpoint_errors | share of failing requests on one endpoint of twenty |
    | p99 | factor on the slowest 3 % of requests |
    | p50 | factor on every request |
    | hang | share of requests that never end |
    | cpu | factor on the CPU of a request |
    | leak | bytes a second |
    | client_errors | share of requests answered 4xx (a 401 storm) |
    | restarts | restarts a minute, the first at the onset |

    Raises ValueError for an unknown kind, a share above 1, or what is below 0.
    """

    kind: str
    size: float
    onset_tick: int
    ramp_ticks: int = 0

    def __post_init__(self) -> None:
        if self.kind not in HARM_KINDS:
            raise ValueError(f"harm {self.kind!r} is unknown; known are {', '.join(HARM_KINDS)}")
        largest = 1.0 if self.kind in _SHARES else np.inf
        if not 0 <= self.size <= largest or self.onset_tick < 0 or self.ramp_ticks < 0:
            raise ValueError(f"no such harm: {self}; sizes of {self.kind} end at {largest:g}")

    def level(self, ticks: int) -> Floats:
        """(T,) from 0 (nothing) to 1 (full size)."""
        since = np.arange(ticks) - self.onset_tick + 1.0
        return np.clip(since / (self.ramp_ticks + 1), 0.0, 1.0)


def harmed(side: Conditions, harm: Harm, rng: Rng) -> Conditions:
    """The canary's conditions with the harm done."""
    return _EFFECTS[harm.kind](side, harm, rng)


def _share(side: Conditions, harm: Harm) -> Floats:
    return harm.size * harm.level(len(side.load))


def _factor(side: Conditions, harm: Harm) -> Floats:
    return 1 + (harm.size - 1) * harm.level(len(side.load))


def _error_ratio(side: Conditions, harm: Harm, rng: Rng) -> Conditions:
    return replace(side, fail=np.minimum(1.0, side.fail * _factor(side, harm)))


def _endpoint_errors(side: Conditions, harm: Harm, rng: Rng) -> Conditions:
    """Endpoints are not equally loved, and calls of one come in swarms."""
    popularity = 1 / np.arange(1, 21) ** rng.uniform(0.0, 0.6)
    usual = float(rng.permutation(popularity / popularity.sum())[0])
    swarm = rng.gamma(4.0, 0.25, len(side.load))
    return with_failures(side, np.minimum(1.0, usual * swarm) * _share(side, harm))


def _restarts(side: Conditions, harm: Harm, rng: Rng) -> Conditions:
    """Down for 2–4 s each time, slow for about ten more, and with an empty heap."""
    ticks = len(side.load)
    counts, refused = side.restarts.copy(), side.refused.copy()
    slow, memory = side.slow.copy(), side.memory.copy()
    at = float(harm.onset_tick)
    while at < ticks and harm.size > 0:
        start = int(at)
        counts[start] += 1
        refused[start : start + int(rng.integers(2, 5))] = 1.0
        age = np.arange(ticks - start)
        slow[start:] *= 1 + 2 * np.exp(-age / 5)
        memory[start:] *= 1 - 0.4 * np.exp(-age / 30)
        at += max(1.0, 60 / harm.size * rng.uniform(0.7, 1.3))
    return replace(side, restarts=counts, refused=refused, slow=slow, memory=memory)


_EFFECTS: dict[str, Callable[[Conditions, Harm, Rng], Conditions]] = {
    "errors": lambda side, harm, rng: with_failures(side, _share(side, harm)),
    "error_ratio": _error_ratio,
    "endpoint_errors": _endpoint_errors,
    "p99": lambda side, harm, rng: replace(side, tail_slow=_factor(side, harm)),
    "p50": lambda side, harm, rng: replace(side, slow=side.slow * _factor(side, harm)),
    "hang": lambda side, harm, rng: replace(side, hang=either(side.hang, _share(side, harm))),
    "cpu": lambda side, harm, rng: replace(side, cpu=side.cpu * _factor(side, harm)),
    "leak": lambda side, harm, rng: replace(
        side, memory=side.memory + np.cumsum(_share(side, harm))
    ),
    "client_errors": lambda side, harm, rng: replace(
        side, client=either(side.client, _share(side, harm))
    ),
    "restarts": _restarts,
}
HARM_KINDS = tuple(_EFFECTS)
_SHARES = ("errors", "endpoint_errors", "hang", "client_errors")
