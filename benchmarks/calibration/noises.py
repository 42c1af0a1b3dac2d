"""The first generator: streams of identical builds, made noisy by known amounts.

Statistical: rates, probabilities and latencies are drawn, requests are counted. It knows
nothing of queues; the other generator does, and shares no line with this one.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from benchmarks.calibration.noise_conditions import Conditions, Dice, Noise, calm
from benchmarks.calibration.noise_draw import draw_side
from benchmarks.calibration.noise_errors import bots, bursts, clustered, cold_start
from benchmarks.calibration.noise_harm import HARM_KINDS, Harm, harmed
from benchmarks.calibration.noise_latency import BOUNDS_MS
from benchmarks.calibration.noise_load import (
    drift,
    gc_pauses,
    instances,
    memory_sawtooth,
    slow_spells,
    uneven_share,
)
from benchmarks.calibration.noise_service import Service, draw_service
from davylamp.judge.recording import Recording, Slices
from davylamp.judge.sample import Series

__all__ = ["BOUNDS_MS", "HARM_KINDS", "KINDS", "SLICE_BOUNDS_MS", "Harm", "noise_stream"]

_NOISES: dict[str, tuple[Noise, ...]] = {
    "independent": (),
    "bursts": (bursts,),
    "clustered": (clustered,),
    "instances": (instances,),
    "cold_start": (cold_start,),
    "heavy_tail": (),
    "gc_pauses": (gc_pauses,),
    "slow_spells": (slow_spells,),
    "uneven_share": (uneven_share,),
    "drift": (drift,),
    "bots": (bots,),
    "memory_sawtooth": (memory_sawtooth,),
}
_HEAVY_TAILED = ("heavy_tail", "all")
KINDS: tuple[str, ...] = (*_NOISES, "all")
_COARSER = 2
SLICE_BOUNDS_MS = BOUNDS_MS[_COARSER - 1 :: _COARSER]
"""Slices are read with wider buckets than sides, as many sources would."""


def noise_stream(
    kind: str, rps: float, seed: int, *, harm: Harm | None = None, ticks: int = 600, sides: int = 2
) -> Recording:
    """A stream of `ticks` seconds at `rps` requests a second on canary and baseline each.

    `kind` is one of KINDS. With three `sides`, stable has 5–20 times the rate, cut into 3–6
    slices. The same arguments give the same stream; a harm moves the canary alone, and a third
    side moves neither of the others. Raises ValueError for what it does not know.
    """
    if kind not in KINDS or sides not in (2, 3) or rps <= 0 or ticks < 1:
        raise ValueError(f"no stream of {kind=} {rps=} {ticks=} {sides=}; kinds are {KINDS}")
    seeds = _Seeds(kind, rps, seed)
    service = draw_service(seeds.rng(0), heavy_tailed=kind in _HEAVY_TAILED)
    more, slices = _size_of_stable(seeds.rng(1)) if sides == 3 else (0.0, 0)
    conditions = _conditions(kind, service, seeds, ticks, 2 + slices)
    if harm is not None:
        conditions[0] = harmed(conditions[0], harm, seeds.rng(2))
    rates = [rps, rps, *[rps * more / slices] * slices] if slices else [rps, rps]
    drawn = [
        draw_side(service, c, rate, seeds.rng(3, i))
        for i, (c, rate) in enumerate(zip(conditions, rates, strict=True))
    ]
    return Recording(
        id=_name(kind, rps, seed, harm),
        tick_seconds=1.0,
        bounds_ms=BOUNDS_MS,
        canary=drawn[0],
        baseline=drawn[1],
        stable=_sum(drawn[2:]) if slices else None,
        slices=_slices(drawn[2:]) if slices else None,
    )


class _Seeds:
    """Independent random numbers by purpose, from what names a stream."""

    def __init__(self, kind: str, rps: float, seed: int) -> None:
        self._entropy = (zlib.crc32(kind.encode()), round(rps * 1000), seed)

    def rng(self, *purpose: int) -> np.random.Generator:
        return np.random.default_rng(np.random.SeedSequence(self._entropy, spawn_key=purpose))


def _conditions(
    kind: str, service: Service, seeds: _Seeds, ticks: int, sides: int
) -> list[Conditions]:
    noises = sum(_NOISES.values(), ()) if kind == "all" else _NOISES[kind]
    conditions = [calm(service, ticks)] * sides
    for i, noise in enumerate(noises):
        dice = Dice(seeds.rng(4, i), tuple(seeds.rng(5, i, j) for j in range(sides)))
        conditions = noise(service, dice, conditions)
    return conditions


def _size_of_stable(rng: np.random.Generator) -> tuple[float, int]:
    """How many times the canary's rate it has, and in how many slices."""
    return float(np.exp(rng.uniform(np.log(5), np.log(20)))), int(rng.integers(3, 7))


def _sum(slices: Sequence[Series]) -> Series:
    added = [name for name in vars(slices[0]) if name not in ("at", "seconds")]
    totals = {name: np.sum([getattr(s, name) for s in slices], axis=0) for name in added}
    return replace(slices[0], **totals)


def _slices(slices: Sequence[Series]) -> Slices:
    fine = np.stack([s.latency for s in slices], axis=1)
    starts = np.arange(0, fine.shape[2], _COARSER)
    return Slices(
        bounds_ms=SLICE_BOUNDS_MS,
        completed=np.stack([s.completed for s in slices], axis=1),
        failed=np.stack([s.failed for s in slices], axis=1),
        latency=np.add.reduceat(fine, starts, axis=2),
    )


def _name(kind: str, rps: float, seed: int, harm: Harm | None) -> str:
    done = f"-{harm.kind}-{harm.size:g}@{harm.onset_tick}+{harm.ramp_ticks}" if harm else ""
    return f"noise-{kind}-{rps:g}-{seed}{done}"
