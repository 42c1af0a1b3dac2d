"""How much more events cluster than independent ones would: φ, by comparison."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from davylamp.judge.sample import Floats
from davylamp.judge.sequential.share_test import Events
from davylamp.judge.sequential.tick import Bools

PRIOR, TICK_WEIGHT, BLOCK_WEIGHT, WORST_TERM = 3.0, 10.0, 3.0, 50.0


@dataclass
class Dispersion:
    """Pearson's χ²/df of the candidate's share, by tick and by ten-second block.

    Each is shrunk towards `PRIOR`; φ is the larger, at least 1. Arrays of the shape of the
    comparisons. Only the past counts, so that φ is fixed before a tick is seen.
    """

    seen_c: Floats
    seen_b: Floats
    due_c: Floats
    due_b: Floats
    terms: Floats
    """(2, …): sum of Pearson's terms by tick and by block."""
    counted: Floats
    """(2, …): how many terms."""
    block: Floats
    """(3, …): c, expected c, and variance of the block under way."""

    @classmethod
    def fresh(cls, shape: tuple[int, ...]) -> Dispersion:
        return cls(
            seen_c=np.zeros(shape),
            seen_b=np.zeros(shape),
            due_c=np.zeros(shape),
            due_b=np.zeros(shape),
            terms=np.zeros((2, *shape)),
            counted=np.zeros((2, *shape)),
            block=np.zeros((3, *shape)),
        )

    def phi(self) -> Floats:
        by_tick = (PRIOR * TICK_WEIGHT + self.terms[0]) / (TICK_WEIGHT + self.counted[0])
        by_block = (PRIOR * BLOCK_WEIGHT + self.terms[1]) / (BLOCK_WEIGHT + self.counted[1])
        return np.maximum(np.maximum(by_tick, by_block), 1.0)

    def feed(self, events: Events, block_ends: Bools) -> None:
        both = events.both * events.comparable
        equal = events.n_c / np.maximum(events.n_c + events.n_b, 1e-12)
        ratio = (self.seen_c + 2) * (self.due_b + 2) / ((self.due_c + 2) * (self.seen_b + 2))
        p = ratio * equal / np.maximum(ratio * equal + 1 - equal, 1e-12)
        self.block += np.stack([events.c * events.comparable, both * p, both * p * (1 - p)])
        self._add(0, events.c - both * p, both * p * (1 - p), both > 0)
        self._add(1, self.block[0] - self.block[1], self.block[2], block_ends & (self.block[2] > 0))
        self.block = np.where(block_ends, 0.0, self.block)
        self.seen_c += events.c * events.comparable
        self.seen_b += events.b * events.comparable
        self.due_c += both * equal
        self.due_b += both * (1 - equal)

    def _add(self, which: int, off: Floats, variance: Floats, counts: Bools) -> None:
        term = np.minimum(off**2 / np.maximum(variance, 1e-9), WORST_TERM)
        self.terms[which] += np.where(counts, term, 0.0)
        self.counted[which] += counts
