"""When a named metric's tests count, begin anew, and end a block: its figures come irregularly."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from davylamp.judge.sample import Floats
from davylamp.judge.sequential.policy import SequentialPolicy
from davylamp.judge.sequential.restarts import start_weight

BLOCK_SECONDS = 10.0


@dataclass(frozen=True)
class Moment:
    """What a new figure means to the tests that get it."""

    is_active: bool
    """The warm-up is over."""
    starts: bool
    log_start: Floats
    """(): logarithm of the weight of the start before it, where `starts`."""
    ends_block: bool


@dataclass
class Pace:
    """Counts from `began` (Unix seconds), when the candidate met its first users."""

    began: float
    policy: SequentialPolicy
    _starts: int = 0
    _blocks: int = 0

    def moment(self, at: float) -> Moment:
        """`at` never goes back. What passed without a figure begins nothing: weights of starts
        that were left out are lost, which only lowers the evidence."""
        age, every = at - self.began, self.policy.restart_seconds
        start, block = int(age // every), int(age // BLOCK_SECONDS)
        is_active = age > self.policy.warm_up_seconds
        starts = is_active and start > self._starts
        ends_block = block > self._blocks
        weight = start_weight(
            np.array(max(start, 1), dtype=np.intp),
            np.array(1.0),
            self.policy.horizon_seconds / every,
        )
        self._starts, self._blocks = max(start, self._starts), max(block, self._blocks)
        return Moment(is_active, starts, weight, ends_block)
