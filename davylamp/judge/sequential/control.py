"""The live negative control: what identical builds look like right now.

Stable runs the baseline's code and has most of the traffic. Whatever a test finds between one
of its slices and the baseline is not the build; however much same-code groups differ, the
candidate may differ too.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from davylamp.judge.sample import Floats
from davylamp.judge.sequential.tick import Bools

_BLOCKS = 12
_FLOOR = -1.0
_WIDEST = 8.0
"""The most by which a margin is widened."""
FORGETTING = 0.99


@dataclass
class Placebo:
    """The largest recent rise of each test on stable's slices. Arrays (…, B, J, tests)."""

    lows: Floats
    """(12, B, J, tests): the lowest value of each of the last blocks."""
    low: Floats
    """Of the block under way."""

    @classmethod
    def fresh(cls, releases: int, slices: int, tests: int) -> Placebo:
        shape = (releases, slices, tests)
        return cls(np.zeros((_BLOCKS, *shape)), np.zeros(shape))

    def feed(self, log_tests: Floats, block_ends: Bools) -> Floats:
        """Returns (B, tests): the rise to be taken off the candidate's evidence; 0 or more.

        `block_ends` (B,): where a twelfth of the time looked back over has passed.
        """
        x = np.maximum(log_tests, _FLOOR)
        self.low = np.minimum(self.low, x)
        rise = x - np.minimum(self.low, self.lows.min(axis=0))
        if not block_ends.any():
            return rise.max(axis=1)
        ends = block_ends[:, None, None]
        shifted = np.concatenate([self.lows[1:], self.low[None]])
        self.lows = np.where(ends, shifted, self.lows)
        self.low = np.where(ends, x, self.low)
        return rise.max(axis=1)


@dataclass
class Spread:
    """How much the rate of an event differs among groups of the same code: e^τ, with τ² the
    variance of log rates beyond what counting explains (a random effect).

    `events` and `trials` are (…, groups), forgotten exponentially.
    """

    events: Floats
    trials: Floats

    @classmethod
    def fresh(cls, shape: tuple[int, ...]) -> Spread:
        return cls(np.zeros(shape), np.zeros(shape))

    def feed(self, events: Floats, trials: Floats) -> None:
        self.events = FORGETTING * self.events + events
        self.trials = FORGETTING * self.trials + trials

    def widening(self) -> Floats:
        """(…): e^(2τ), between 1 and 8; 1 with fewer than three groups that had events."""
        use = (self.trials > 0) & (self.events >= 1.0)
        n = use.sum(axis=-1)
        rate = np.log((self.events + 0.5) / (self.trials + 1.0)) * use
        mean = rate.sum(axis=-1) / np.maximum(n, 1)
        off = (rate - mean[..., None]) * use
        variance = (off**2).sum(axis=-1) / np.maximum(n - 1, 1)
        chance = (use / (self.events + 0.5)).sum(axis=-1) / np.maximum(n, 1)
        tau = np.sqrt(np.maximum(variance - chance, 0.0))
        return np.where(n >= 3, np.minimum(np.exp(2 * tau), _WIDEST), 1.0)
