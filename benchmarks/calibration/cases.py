"""The sets of streams that judges are measured on. Seeds for tuning and for reporting never meet.

A judge is tuned on `TUNING` seeds only; what is reported comes from `REPORTING` seeds, which
nobody looks at before the judge is frozen.
"""

from __future__ import annotations

import pickle
import random
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from benchmarks.calibration import noises, queueing
from davylamp.judge.recording import Recording

TUNING, REPORTING = 0, 1_000_000
"""First seed of each; a set takes consecutive ones, fewer than fifty thousand. Seeds from
700,000, 800,000 and 900,000 were reported on before, and count as tuning since."""
NOISE_RPS = (2.0, 10.0, 50.0, 200.0, 1000.0)
QUEUEING_RPS = (2, 5, 10, 25, 60)


@dataclass(frozen=True)
class Case:
    """One stream to judge. `harm` is None for identical builds; `onset` is its first tick."""

    generator: Literal["noise", "queueing"]
    kind: str
    rps: float
    seed: int
    harm: str | None = None
    size: float = 0.0
    onset: int = 0
    sides: int = 2

    def without_harm(self) -> Case:
        """The same release, had the build been a good one."""
        return replace(self, harm=None, size=0.0, onset=0)

    def stream(self, attempt: int = 0) -> Recording:
        """The stream itself; another `attempt` is the same release tried again."""
        if self.generator == "queueing":
            onset = {"onset_tick": self.onset} if self.harm else {}
            return queueing.queueing_stream(
                self.kind, self.rps, self.seed, harm=self.harm, attempt=attempt, **onset
            )
        harm = noises.Harm(self.harm, self.size, self.onset) if self.harm else None
        return noises.noise_stream(self.kind, self.rps, self.seed, harm=harm, sides=self.sides)


def noise_harmless(first: int, each: int, sides: int = 2) -> list[Case]:
    """Identical builds of every kind of noise at every rate, `each` times."""
    return [
        Case("noise", kind, rps, first + s, sides=sides)
        for kind in noises.KINDS
        for rps in NOISE_RPS
        for s in range(each)
    ]


def noise_harmful(first: int, each: int) -> list[Case]:
    """Harms of the facts in all noises and in none, at every rate; the onset differs."""
    harms = (
        ("errors", 1.0),
        ("errors", 0.2),
        ("errors", 0.05),
        ("errors", 0.01),
        ("p99", 5.0),
        ("p99", 2.0),
        ("p50", 1.5),
        ("endpoint_errors", 0.2),
        ("hang", 1.0),
        ("client_errors", 0.3),
        ("leak", 2e6),
        ("cpu", 2.0),
        ("restarts", 4.0),
    )
    return [
        Case("noise", kind, rps, first + s, harm, size, random.Random(first + s).randrange(40, 200))
        for harm, size in harms
        for rps in NOISE_RPS
        for kind in ("independent", "all")
        for s in range(each)
    ]


def queueing_harmless(first: int, seeds: int) -> list[Case]:
    """Every harmless scenario once a seed, at a rate drawn for it."""
    found: list[Case] = []
    for seed in range(first, first + seeds):
        chance = random.Random(seed)
        drawn = [(kind, chance.choice(QUEUEING_RPS)) for kind in queueing.HARMLESS]
        found += [Case("queueing", kind, rps, seed) for kind, rps in drawn]
    return found


def queueing_harmful(first: int, seeds: int) -> list[Case]:
    """Every major harm once a seed, in a scenario, at a rate and from an onset drawn for it."""
    found: list[Case] = []
    for seed in range(first, first + seeds):
        chance = random.Random(seed)
        drawn = [
            (chance.choice(queueing.HARMLESS), harm, chance.choice(QUEUEING_RPS))
            for harm in queueing.HARMFUL_MAJOR
        ]
        found += [
            Case("queueing", kind, rps, seed, harm, 0.0, chance.randrange(40, 200))
            for kind, harm, rps in drawn
        ]
    return found


def streams(
    cases: Iterable[Case], keep: Path | None = None, tell: Callable[[], object] = lambda: None
) -> Iterator[tuple[Case, Recording]]:
    """Each case with its stream, made now or read from the folder where it was kept."""
    for case in cases:
        yield case, _kept(case, keep)
        tell()


def _kept(case: Case, keep: Path | None) -> Recording:
    if keep is None or case.generator == "noise":
        return case.stream()
    harm = case.harm or "harmless"
    file = keep / f"{case.kind}-{harm}-{case.rps:g}-{case.seed}-{case.onset}.pkl"
    if file.exists():
        return pickle.loads(file.read_bytes())
    made = case.stream()
    keep.mkdir(parents=True, exist_ok=True)
    file.write_bytes(pickle.dumps(made))
    return made
