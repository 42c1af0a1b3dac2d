"""Planned looks: a few classical tests of slowness, at ages that are fixed beforehand.

Betting every second pays for looking every second. Where requests are few, mild slowness that
stays is seen sooner by a test that looks seldom: in how many blocks was the candidate slower by
more than the margin, and by how much? One long pause is one block. A bet that pays 1/p* when
p ≤ p*, and is lost otherwise, is an e-value: these are tests among the others.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from davylamp.judge.sample import Floats
from davylamp.judge.sequential.blocks import Sums
from davylamp.judge.sequential.policy import SequentialPolicy
from davylamp.judge.sequential.signed_rank import log_p
from davylamp.judge.sequential.thresholds import quantile_bucket, quantile_part
from davylamp.judge.sequential.tick import BASELINE, CANARY, STABLE, Bools, Ints, Shape, Tick

BLOCK_SECONDS = 10.0
LOOK_SECONDS = (300.0, 600.0, 1200.0, 2400.0)
SHARES = (0.1, 0.7, 0.1, 0.1)
"""How the stake is shared out among the looks: a usual window is ten minutes."""
_STATISTICS = 2
_TAIL = np.array([0.95])
_BLOCKS = 120
_LEAST_ANSWERS = 10.0
_LEAST_BLOCKS = 8
_LATTER = 2 / 3
"""A look takes so much of the time since the warm-up: what is slow only at first is no harm."""
_NOTHING = 1e-12


@dataclass
class PlannedLooks:
    """How slow each block was, and what the looks have won so far."""

    sides: Sums
    """Latency of the block under way, by side."""
    slices: Sums
    """The same of stable's slices."""
    levels: Floats
    """(120, B, S + J, 2): by block, the latest last, the mean of the logarithm of latency and the
    logarithm of its p95; NaN where not known."""
    won: Floats
    """(B, 2): what has been paid by statistic, for a stake of 1."""
    left: Floats
    """(B,): the part of the stake that is not bet yet."""
    slower: Floats
    """(B, 2, 3): of the last look that won, by statistic: blocks of ten seconds beyond the margin,
    blocks compared, and the look's age in seconds. Zero: none has won."""

    @classmethod
    def fresh(cls, shape: Shape) -> PlannedLooks:
        b = shape.releases
        return cls(
            Sums.fresh(b, shape.sides * (len(shape.bounds_ms) + 1)),
            Sums.fresh(b, shape.slices * (len(shape.slice_bounds_ms) + 1)),
            np.full((_BLOCKS, b, shape.sides + shape.slices, _STATISTICS), np.nan),
            np.zeros((b, _STATISTICS)),
            np.ones(b),
            np.zeros((b, _STATISTICS, 3)),
        )

    def feed(self, tick: Tick, shape: Shape, ends: Bools) -> None:
        """Take one tick in; blocks end where `ends` (B,)."""
        b = shape.releases
        sides = self.sides.feed(tick.latency.reshape(b, -1), ends)
        slices = self.slices.feed(tick.slice_latency.reshape(b, -1), ends)
        if not ends.any():
            return
        found = [_levels(sides.reshape(b, shape.sides, -1), shape.bounds_ms)]
        if shape.slices:
            found.append(_levels(slices.reshape(b, shape.slices, -1), shape.slice_bounds_ms))
        shifted = np.concatenate([self.levels[1:], np.concatenate(found, axis=1)[None]])
        self.levels = np.where(ends[:, None, None], shifted, self.levels)

    def forget(self, when: Bools) -> None:
        """Blocks of the warm-up (B,) are no evidence."""
        self.levels = np.where(when[:, None, None], np.nan, self.levels)

    def look_when_due(
        self, ends: Bools, age: Ints, shape: Shape, stakes: Floats, policy: SequentialPolicy
    ) -> None:
        """Look at the releases (B,) a block of which ends and that have come of a look's age (in
        ticks). `stakes` (2,) are the weights of both tests; one look that wins is enough."""
        seconds = age * shape.tick_seconds
        block = max(BLOCK_SECONDS, shape.tick_seconds)
        for number, at in enumerate(LOOK_SECONDS):
            due = ends & (seconds >= at) & (seconds < at + block)
            if due.any():
                self._look(number, due, shape, stakes, policy)

    def _look(
        self, number: int, due: Bools, shape: Shape, stakes: Floats, policy: SequentialPolicy
    ) -> None:
        share = SHARES[number]
        p_star = np.maximum(policy.alpha * share * stakes, _NOTHING)
        recent = _recent(np.isfinite(self._beyond(CANARY, BASELINE)[..., 0]))
        wins = due[:, None] & (self._log_p(recent, shape, policy) <= np.log(p_star))
        self.won = np.where(wins, self.won + share / p_star, self.won)
        self.left = np.where(due, self.left - share, self.left)
        is_slower = self._beyond(CANARY, BASELINE) > math.log(policy.latency_ratio)
        slower = (is_slower & recent[..., None]).sum(axis=0)
        compared = np.broadcast_to(recent.sum(axis=0)[:, None], slower.shape)
        said = np.stack([slower, compared, np.full(slower.shape, LOOK_SECONDS[number])], axis=-1)
        self.slower = np.where(wins[..., None], said, self.slower)

    def _beyond(self, side: int, other: int) -> Floats:
        """(120, B, 2): by how much the one was slower than the other, in logarithms."""
        return self.levels[:, :, side] - self.levels[:, :, other]

    def log_e(self) -> Floats:
        """(B, 2): logarithm of the evidence, of what is typical and of the tail."""
        return np.log(np.maximum(self.won + self.left[:, None], _NOTHING))

    def _log_p(self, recent: Bools, shape: Shape, policy: SequentialPolicy) -> Floats:
        """(B, 2): against the baseline, less what stable's slices show; and against stable, which
        may take some more chance."""
        margin = math.log(policy.latency_ratio)

        def against(side: int, other: int, margin: float) -> Floats:
            beyond = self._beyond(side, other) - margin
            typical, tail = np.moveaxis(np.where(recent[..., None], beyond, np.nan), -1, 0)
            return np.stack([log_p((typical[0::2] + typical[1::2]) / 2), log_p(tail)], axis=1)

        found = against(CANARY, BASELINE, margin)
        slices = range(shape.sides, shape.sides + shape.slices)
        if slices:
            found = found - np.min([against(j, BASELINE, 0.0) for j in slices], axis=0)
        if shape.has_stable:
            slack = math.log(policy.reference_slack)
            found = np.maximum(found, against(CANARY, STABLE, margin) - slack)
        return np.where((recent.sum(axis=0) >= _LEAST_BLOCKS)[:, None], found, 0.0)


def _recent(known: Bools) -> Bools:
    """(N, B): the latter part of the blocks in which both sides are known."""
    from_the_end = np.cumsum(known[::-1], axis=0)[::-1]
    return known & (from_the_end <= np.ceil(_LATTER * known.sum(axis=0)))


def _levels(latency: Floats, bounds_ms: tuple[float, ...]) -> Floats:
    """(B, sides, 2): mean of the logarithm, and logarithm of the p95, of a block's answers.

    An answer lies in the middle of its bucket; beyond the last bound, a quarter above it.
    """
    total = latency.sum(axis=-1)
    edges = np.log([bounds_ms[0] / 2, *bounds_ms, bounds_ms[-1] * 1.25])
    typical = latency @ ((edges[1:] + edges[:-1]) / 2) / np.maximum(total, 1.0)
    bucket = quantile_bucket(latency, _TAIL)
    part = quantile_part(latency, _TAIL, bucket)[..., 0]
    low, high = edges[bucket[..., 0]], edges[bucket[..., 0] + 1]
    found = np.stack([typical, high - part * (high - low)], axis=-1)
    return np.where((total >= _LEAST_ANSWERS)[..., None], found, np.nan)
