"""Noises of errors: none of them says anything about the canary."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from benchmarks.calibration.noise_conditions import Conditions, Dice, either, with_failures
from benchmarks.calibration.noise_service import Service, log_uniform
from benchmarks.calibration.noise_spells import spell_levels, unequally


def bursts(service: Service, dice: Dice, sides: list[Conditions]) -> list[Conditions]:
    """Something all sides need fails for some seconds: they suffer together, not alike."""
    ticks = len(sides[0].load)
    every = dice.common.uniform(120, 280)
    level = spell_levels(dice.common, ticks, every, (5, 20), (0.02, 0.3))
    return [with_failures(s, unequally(r, level)) for s, r in zip(sides, dice.sides, strict=True)]


def clustered(service: Service, dice: Dice, sides: list[Conditions]) -> list[Conditions]:
    """Errors come in clusters of a few seconds, each side at its own times.

    The rates are the service's, the times the side's: identical builds, overdispersed counts.
    """
    ticks = len(sides[0].load)
    every = log_uniform(dice.common, 20, 120)
    worst = log_uniform(dice.common, 0.01, 0.2)
    return [
        with_failures(s, unequally(r, spell_levels(r, ticks, every, (1, 5), (0.005, worst)), 0.0))
        for s, r in zip(sides, dice.sides, strict=True)
    ]


def bots(service: Service, dice: Dice, sides: list[Conditions]) -> list[Conditions]:
    """Crawlers and scanners: bursts of 4xx on all sides, and a little more load."""
    ticks = len(sides[0].load)
    every = dice.common.uniform(40, 150)
    level = spell_levels(dice.common, ticks, every, (5, 40), (0.05, 0.5))

    def visited(side: Conditions, rng: np.random.Generator) -> Conditions:
        extra = np.minimum(unequally(rng, level), 0.9)
        return replace(side, client=either(side.client, extra), load=side.load * (1 + extra))

    return [visited(s, r) for s, r in zip(sides, dice.sides, strict=True)]


def cold_start(service: Service, dice: Dice, sides: list[Conditions]) -> list[Conditions]:
    """The canary alone begins cold: slow, busy and failing now and then, over 20–60 s."""
    canary, rng = sides[0], dice.sides[0]
    cold = np.exp(-3 * np.arange(len(canary.load)) / rng.uniform(20, 60))
    slow, failing = log_uniform(rng, 0.3, 4), log_uniform(rng, 0.002, 0.03)
    begun = with_failures(canary, failing * cold)
    begun = replace(begun, slow=begun.slow * (1 + slow * cold), cpu=begun.cpu * (1 + slow * cold))
    return [begun, *sides[1:]]
