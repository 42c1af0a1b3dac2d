"""Harm to both sides alike, such as a database that the candidate locks.

No comparison shows it: the baseline, and stable, suffer as much. What shows it is the baseline's
own past. Weather does the same for a while, so it has to last.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from davylamp.judge.sample import Floats
from davylamp.judge.sequential.blocks import Sums
from davylamp.judge.sequential.policy import SequentialPolicy
from davylamp.judge.sequential.tick import BASELINE, CANARY, Bools, Tick

_CALMS = 1 / 3
"""What a block without distress takes away: locks come and go, but weather goes for long."""
_LEAST_CALM = 50.0
"""Requests of the baseline before anybody can say what is usual."""
_LEAST_TIMED = 5.0
_USUAL_TAIL = 0.95


@dataclass
class SharedDistress:
    """Blocks of ten seconds in which both sides fail, or crawl, as the baseline did not before."""

    block: Sums
    """Failed, completed and latency buckets of the block under way, by side."""
    calm: Floats
    """(B, 2): failed and completed of the baseline, outside of distress."""
    calm_latency: Floats
    """(B, K + 1)."""
    blocks: Floats
    """(B,): distressed blocks, less a third for each that was not since."""

    @classmethod
    def fresh(cls, releases: int, buckets: int) -> SharedDistress:
        return cls(
            Sums.fresh(releases, 2 * (2 + buckets)),
            np.zeros((releases, 2)),
            np.zeros((releases, buckets)),
            np.zeros(releases),
        )

    def feed(self, tick: Tick, ten: Bools, bounds_ms: Floats, policy: SequentialPolicy) -> None:
        pair = np.s_[:, :2]
        counts = np.stack([tick.failed[pair], tick.completed[pair]], axis=2)
        columns = np.concatenate([counts, tick.latency[pair]], axis=2)
        found = self.block.feed(columns.reshape(len(columns), -1), ten)
        if not ten.any():
            return
        block = found.reshape(len(columns), 2, -1)
        is_known = self.calm[:, 1] >= _LEAST_CALM
        is_bad = is_known & (self._fails(block, policy) | self._crawls(block, bounds_ms, policy))
        after = np.where(is_bad, self.blocks + 1, np.maximum(self.blocks - _CALMS, 0.0))
        self.blocks = np.where(ten, after, self.blocks)
        theirs = np.where((ten & ~is_bad)[:, None], block[:, BASELINE], 0.0)
        self.calm += theirs[:, :2]
        self.calm_latency += theirs[:, 2:]

    def _fails(self, block: Floats, policy: SequentialPolicy) -> Bools:
        rate = block[:, :, 0] / np.maximum(block[:, :, 1], 1.0)
        usual = self.calm[:, 0] / np.maximum(self.calm[:, 1], 1.0)
        least = np.maximum(policy.shared_rate, policy.shared_ratio * usual)
        return (rate[:, CANARY] >= least) & (rate[:, BASELINE] >= least / 2)

    def _crawls(self, block: Floats, bounds_ms: Floats, policy: SequentialPolicy) -> Bools:
        """Answers many times slower than the baseline's p95 used to be."""
        timed = block[:, :, 2:]
        total = timed.sum(axis=2)
        usual = np.cumsum(self.calm_latency, axis=1) / np.maximum(
            self.calm_latency.sum(axis=1, keepdims=True), 1.0
        )
        edges = np.concatenate([bounds_ms, [np.inf]])
        tail = edges[np.argmax(usual >= _USUAL_TAIL, axis=1)]
        lower = np.concatenate([[0.0], bounds_ms])
        limit = policy.shared_slow_ratio * tail * (1 - 1e-9)  # not a matter of rounding
        is_slow = lower[None, :] >= limit[:, None]
        share = (timed * is_slow[:, None, :]).sum(axis=2) / np.maximum(total, 1.0)
        least = policy.shared_slow_share
        enough = total.min(axis=1) >= _LEAST_TIMED
        return enough & (share[:, CANARY] >= least) & (share[:, BASELINE] >= least / 2)
