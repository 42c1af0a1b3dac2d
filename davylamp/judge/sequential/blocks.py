"""Seconds put together into blocks, and the extremes of the last few of them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from davylamp.judge.sample import Floats
from davylamp.judge.sequential.tick import Bools


@dataclass
class Sums:
    """Sums of columns (B, N) over the block under way; NaN once one tick was not known."""

    total: Floats

    @classmethod
    def fresh(cls, releases: int, columns: int) -> Sums:
        return cls(np.zeros((releases, columns)))

    def feed(self, columns: Floats, ends: Bools) -> Floats:
        """The sums up to this tick; where a block ends (B,), the next one begins at zero."""
        found = self.total + columns
        self.total = np.where(ends[:, None], 0.0, found) if ends.any() else found
        return found


@dataclass
class Extremes:
    """Lowest and highest value of the last `N` blocks of a column (B, 2 sides)."""

    lows: Floats
    """(N, B, 2); +inf where a block had no value."""
    highs: Floats
    low: Floats
    high: Floats

    @classmethod
    def fresh(cls, releases: int, blocks: int) -> Extremes:
        shape = (releases, 2)
        return cls(
            np.full((blocks, *shape), np.inf),
            np.full((blocks, *shape), -np.inf),
            np.full(shape, np.inf),
            np.full(shape, -np.inf),
        )

    def feed(self, values: Floats, ends: Bools) -> None:
        self.low = np.fmin(self.low, values)
        self.high = np.fmax(self.high, values)
        if not ends.any():
            return
        over = ends[:, None]
        self.lows = np.where(over, np.concatenate([self.lows[1:], self.low[None]]), self.lows)
        self.highs = np.where(over, np.concatenate([self.highs[1:], self.high[None]]), self.highs)
        self.low = np.where(over, np.inf, self.low)
        self.high = np.where(over, -np.inf, self.high)
