"""Noises of latency, load and memory: none of them says anything about the canary."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from benchmarks.calibration.noise_conditions import Conditions, Dice
from benchmarks.calibration.noise_service import Service, log_uniform
from benchmarks.calibration.noise_spells import spell_levels, spells, wander

Rng = np.random.Generator


def instances(service: Service, dice: Dice, sides: list[Conditions]) -> list[Conditions]:
    """Machines differ from the canary's by 1–3 % in everything, for as long as they live."""

    def placed(side: Conditions, rng: Rng) -> Conditions:
        apart = rng.uniform(0.01, 0.03, 4) * rng.choice((-1, 1), 4)
        slow, fail, cpu, memory = np.exp(apart)
        return replace(
            side,
            slow=side.slow * slow,
            fail=side.fail * fail,
            cpu=side.cpu * cpu,
            memory=side.memory * memory,
        )

    return [sides[0], *(placed(s, r) for s, r in zip(sides[1:], dice.sides[1:], strict=True))]


def gc_pauses(service: Service, dice: Dice, sides: list[Conditions]) -> list[Conditions]:
    """The process stops for 100–500 ms every 10–60 s; all requests in it wait."""
    every = log_uniform(dice.common, 10, 60)

    def collected(side: Conditions, rng: Rng) -> Conditions:
        pause = side.pause_ms.copy()
        for stop in spells(rng, len(pause), every, (1, 1)):
            pause[stop] = rng.uniform(100, 500)
        return replace(side, pause_ms=pause)

    return [collected(s, r) for s, r in zip(sides, dice.sides, strict=True)]


def slow_spells(service: Service, dice: Dice, sides: list[Conditions]) -> list[Conditions]:
    """Something all sides wait for is slow for some seconds; not by quite the same factor."""
    ticks = len(sides[0].load)
    every = dice.common.uniform(50, 200)
    level = spell_levels(dice.common, ticks, every, (5, 30), (0.2, 4))
    return [
        replace(s, slow=s.slow * (1 + level * np.exp(0.15 * wander(r, ticks, 10))))
        for s, r in zip(sides, dice.sides, strict=True)
    ]


def uneven_share(service: Service, dice: Dice, sides: list[Conditions]) -> list[Conditions]:
    """The canary gets 0.8–1.25 of the baseline's requests, and the share drifts."""
    canary, rng = sides[0], dice.sides[0]
    start = rng.uniform(-0.18, 0.18)
    share = np.exp(np.clip(start + 0.05 * wander(rng, len(canary.load), 120), -0.223, 0.223))
    return [replace(canary, load=canary.load * share), *sides[1:]]


def drift(service: Service, dice: Dice, sides: list[Conditions]) -> list[Conditions]:
    """The day goes on: load, latency and errors drift, for all sides alike."""
    rng, ticks = dice.common, len(sides[0].load)
    period = log_uniform(rng, 300, 3600)
    wave = np.sin(2 * np.pi * (np.arange(ticks) / period + rng.uniform()))
    load = np.exp(rng.uniform(0.2, 0.6) * wave + 0.1 * wander(rng, ticks, 60))
    slow = load ** rng.uniform(0.0, 0.6) * np.exp(0.1 * wander(rng, ticks, 90))
    fail = load ** rng.uniform(0.0, 1.0) * np.exp(0.3 * wander(rng, ticks, 90))
    return [
        replace(s, load=s.load * load, slow=s.slow * slow, fail=np.minimum(1.0, s.fail * fail))
        for s in sides
    ]


def memory_sawtooth(service: Service, dice: Dice, sides: list[Conditions]) -> list[Conditions]:
    """Garbage piles up as requests come and goes at once: periods of 5–150 s, own phases."""
    heap = service.memory_bytes * dice.common.uniform(0.1, 0.6)
    period = log_uniform(dice.common, 5, 150)

    def littered(side: Conditions, rng: Rng) -> Conditions:
        made = rng.gamma(4.0, 0.25, len(side.load)) * side.load / period
        return replace(side, memory=side.memory + heap * ((np.cumsum(made) + rng.uniform()) % 1.0))

    return [littered(s, r) for s, r in zip(sides, dice.sides, strict=True)]
