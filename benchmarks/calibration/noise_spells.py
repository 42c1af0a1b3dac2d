"""Stretches of time in which something is otherwise, and unequal luck within them."""

from __future__ import annotations

import numpy as np

from davylamp.judge.sample import Floats


def spells(
    rng: np.random.Generator, ticks: int, every_ticks: float, lengths: tuple[float, float]
) -> list[slice]:
    """Poisson spells, one in `every_ticks` on average, their length uniform in `lengths`."""
    found: list[slice] = []
    at = rng.exponential(every_ticks)
    while at < ticks:
        length = max(1, round(rng.uniform(*lengths)))
        found.append(slice(int(at), int(at) + length))
        at += length + rng.exponential(every_ticks)
    return found


def spell_levels(
    rng: np.random.Generator,
    ticks: int,
    every_ticks: float,
    lengths: tuple[float, float],
    levels: tuple[float, float],
) -> Floats:
    """(T,) 0 outside of spells; in each a level of its own, log-uniform in `levels`."""
    level = np.zeros(ticks)
    for spell in spells(rng, ticks, every_ticks, lengths):
        level[spell] = np.exp(rng.uniform(*np.log(levels)))
    return level


def unequally(rng: np.random.Generator, level: Floats, sigma: float = 0.2) -> Floats:
    """One side's part of a common evil: more or less of it by block of 10 s and by tick.

    Mean 1 times `level`: log-normal blocks of `sigma`, gamma ticks of shape 4.
    """
    ticks = len(level)
    blocks = rng.lognormal(-sigma * sigma / 2, sigma, ticks // 10 + 1)
    return level * np.repeat(blocks, 10)[:ticks] * rng.gamma(4.0, 0.25, ticks)


def wander(rng: np.random.Generator, ticks: int, memory_ticks: float) -> Floats:
    """(T,) a stationary Gaussian walk of variance 1 that forgets in about `memory_ticks`."""
    keep = np.exp(-1 / memory_ticks)
    steps = rng.normal(0.0, np.sqrt(1 - keep * keep), ticks)
    path = np.empty(ticks)
    path[0] = rng.normal()
    for t in range(1, ticks):
        path[t] = keep * path[t - 1] + steps[t]
    return path
