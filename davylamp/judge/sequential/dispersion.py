"""How much more events cluster than independent ones would: φ, by kind and comparison."""

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
    events. Only the past counts, so that φ is fixed before a tick is seen.
    """

    seen: Floats
    """(2, …): events so far, of the candidate and of the other side."""
    due: Floats
    """(2, …): the same, had both sides equal rates."""
    terms: Floats
    """(2, …): sum of Pearson's terms by tick and by block."""
    counted: Floats
    """(2, …): how many terms."""
    block: Floats
    """(2, …): c less its expectation, and its variance, in the block under way."""

    @classmethod
    def fresh(cls, shape: tuple[int, ...]) -> Dispersion:
        return cls(*(np.zeros((2, *shape)) for _ in range(5)))

    def phi(self) -> Floats:
        by_tick = (PRIOR * TICK_WEIGHT + self.terms[0]) / (TICK_WEIGHT + self.counted[0])
        by_block = (PRIOR * BLOCK_WEIGHT + self.terms[1]) / (BLOCK_WEIGHT + self.counted[1])
        return np.maximum(np.maximum(by_tick, by_block), 1.0)

    def feed(self, events: Events, block_ends: Bools) -> None:
        """`block_ends` is broadcast over the events."""
        both = events.both * events.comparable
        equal = events.n_c / np.maximum(events.n_c + events.n_b, 1e-12)
        rate = (self.seen + 2) / (self.due + 2)
        mine = rate[0] * equal
        p = mine / np.maximum(mine + rate[1] * (1 - equal), 1e-12)
        off = events.c * events.comparable - both * p
        variance = both * p * (1 - p)
        self.block[0] += off
        self.block[1] += variance
        self._add(0, off, variance, both > 0)
        if block_ends.any():
            self._add(1, self.block[0], self.block[1], block_ends & (self.block[1] > 0))
            self.block = np.where(block_ends, 0.0, self.block)
        self.seen[0] += events.c * events.comparable
        self.seen[1] += events.b * events.comparable
        self.due[0] += both * equal
        self.due[1] += both * (1 - equal)

    def _add(self, which: int, off: Floats, variance: Floats, counts: Bools) -> None:
        term = np.minimum(off**2 / np.maximum(variance, 1e-9), WORST_TERM)
        self.terms[which] += term * counts
        self.counted[which] += counts
