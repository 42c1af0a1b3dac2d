"""What one side goes through, tick by tick, before any request is drawn."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from benchmarks.calibration.noise_service import Service
from davylamp.judge.sample import Floats


@dataclass(frozen=True)
class Conditions:
    """One side over T ticks; every field is (T,). Probabilities are a request's."""

    load: Floats
    """Factor on the side's requests a second."""
    fail: Floats
    refused: Floats
    """Failing because nobody listens: never answered, never timed."""
    client: Floats
    """Answered with 4xx."""
    slow: Floats
    """Factor on every latency."""
    tail_slow: Floats
    """Factor on the slowest 3 % alone."""
    pause_ms: Floats
    """Length of a pause of the whole process in this tick."""
    hang: Floats
    """Never ending."""
    cpu: Floats
    """Factor on the CPU of a request."""
    memory: Floats
    """Bytes."""
    restarts: Floats


@dataclass(frozen=True)
class Dice:
    """Random numbers: some for all sides together, some for each on its own.

    What is drawn for one side never moves another's, so a harm leaves the baseline as it is
    and a third side leaves the first two.
    """

    common: np.random.Generator
    sides: tuple[np.random.Generator, ...]


Noise = Callable[[Service, Dice, list[Conditions]], list[Conditions]]
"""Makes the life of all sides harder; canary first, baseline second, then slices of stable."""


def calm(service: Service, ticks: int) -> Conditions:
    """Independent requests at a constant rate, and a heap that fills a little at first."""
    nothing, one = np.zeros(ticks), np.ones(ticks)
    return Conditions(
        load=one,
        fail=np.full(ticks, service.error_rate),
        refused=nothing,
        client=np.full(ticks, service.client_error_rate),
        slow=one,
        tail_slow=one,
        pause_ms=nothing,
        hang=nothing,
        cpu=one,
        memory=service.memory_bytes * (1.1 - 0.1 * np.exp(-np.arange(ticks) / 60)),
        restarts=nothing,
    )


def with_failures(side: Conditions, extra: Floats) -> Conditions:
    """Failures with probability `extra` (T,) that have another cause than the usual ones."""
    return replace(side, fail=either(side.fail, extra))


def either(first: Floats, second: Floats) -> Floats:
    """The probability of at least one of two independent events."""
    return 1 - (1 - first) * (1 - np.clip(second, 0, 1))
