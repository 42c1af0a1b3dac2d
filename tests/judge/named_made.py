"""Named metrics as an exporter would count them, second by second, with a seed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from davylamp.judge.named_metrics import (
    GaugeReading,
    HistogramReading,
    NamedReading,
    NamedTick,
    RatioReading,
    Value,
)
from davylamp.judge.sample import Floats, Role

BEGAN = 1_700_000_000.0
BOUNDS = tuple(float(f"{0.01 * 1.2**k:.3g}") for k in range(40))
Stream = list[Value]
"""A build's readings, one a second."""


@dataclass(frozen=True)
class Noise:
    """How a counter differs from independent events: clusters of `cluster` events on average,
    a rate that swings on both sides alike, and copies that differ by `spread`."""

    cluster: float = 1.0
    swing: float = 0.0
    spread: float = 0.0


INDEPENDENT = Noise()


def shared_swing(rng: np.random.Generator, seconds: int, noise: Noise) -> Floats:
    """What both sides meet alike: bursts of half a minute."""
    calm = np.ones(seconds)
    for start in rng.integers(0, seconds, size=max(1, seconds // 100)):
        calm[start : start + 30] *= 1 + noise.swing
    return calm


def ratio_stream(
    rng: np.random.Generator, rate: Floats, per_second: float, noise: Noise = INDEPENDENT
) -> Stream:
    """Of `per_second` on average, a share `rate` (one value a second) are events."""
    total = rng.poisson(per_second, len(rate))
    own = rate * np.exp(rng.normal(0, noise.spread))
    bursts = rng.poisson(np.minimum(own, 1) * total / noise.cluster)
    if noise.cluster > 1:
        events = np.array([rng.geometric(1 / noise.cluster, k).sum() for k in bursts])
    else:
        events = rng.binomial(total, np.minimum(own, 1))
    events = np.minimum(events, total)
    pairs = zip(np.cumsum(events).tolist(), np.cumsum(total).tolist(), strict=True)
    return [RatioReading(float(k), float(n)) for k, n in pairs]


def gauge_stream(levels: Floats) -> Stream:
    return [GaugeReading(float(level)) for level in levels]


def drifting(rng: np.random.Generator, seconds: int, mean: float, memory: float) -> Floats:
    """A level whose logarithm forgets within `memory` seconds."""
    keep = np.exp(-1 / memory)
    steps = rng.normal(0, 0.3 * np.sqrt(1 - keep**2), seconds)
    found, now = np.empty(seconds), rng.normal(0, 0.3)
    for t in range(seconds):
        now = keep * now + steps[t]
        found[t] = now
    return mean * np.exp(found)


def histogram_stream(
    rng: np.random.Generator, seconds: int, median: float, per_second: float
) -> Stream:
    """Lognormal."""
    edges = np.array([-np.inf, *BOUNDS, np.inf])
    counts = np.zeros(len(BOUNDS) + 1)
    found: Stream = []
    for n in rng.poisson(per_second, seconds).tolist():
        values = median * np.exp(rng.normal(0, 0.6, n))
        counts = counts + np.histogram(values, edges)[0]
        found.append(HistogramReading(BOUNDS, tuple(counts.tolist())))
    return found


def ticks_of(
    name: str, sides: dict[Role, Stream], keeps: Callable[[int], bool] = lambda _: True
) -> list[NamedTick]:
    """One look a second, at the half of it; `keeps` says of which seconds there is a reading."""
    longest = max(map(len, sides.values()))
    return [
        NamedTick(
            BEGAN + t + 0.5,
            {
                role: {name: NamedReading(BEGAN + t + 0.25, stream[t])}
                for role, stream in sides.items()
                if keeps(t) and t < len(stream)
            },
        )
        for t in range(longest)
    ]
