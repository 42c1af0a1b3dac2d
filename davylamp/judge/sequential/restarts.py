"""E-processes that a long clean past doesn't put to sleep."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from davylamp.judge.sample import Floats
from davylamp.judge.sequential.tick import Bools, Ints

_LN2 = float(np.log(2.0))
_FLOOR = -1e6
"""Logarithms are kept above this, so that no state ever becomes infinite."""


def start_weight(age_ticks: Ints, every: Floats, horizon: float) -> Floats:
    """Logarithm of the prior weight of a restart at this age: sums to 1 over all restarts.

    w(k) = h / ((k + h)(k + h + 1)) for the k-th restart, heavy-tailed, so that no length has to
    be known beforehand; h = horizon / every.
    """
    k = age_ticks / every
    h = horizon / every
    return np.log(h) - np.log((k + h) * (k + h + 1.0))


@dataclass
class Restarting:
    """E = ½ · (started at 0) + ½ · (mixture over later starts), by a Shiryaev-Roberts recursion.

    Both parts are logarithms of the same shape, whose last axis is the alternatives.
    """

    first: Floats
    later: Floats

    @classmethod
    def fresh(cls, shape: tuple[int, ...]) -> Restarting:
        return cls(np.zeros(shape), np.full(shape, _FLOOR))

    def feed(self, increment: Floats, log_start: Floats, starts: Bools) -> None:
        """Take one tick in. `log_start` is the weight of a start just before it, where `starts`.

        Both are broadcast over the state.
        """
        begun = np.where(starts, np.logaddexp(self.later, log_start), self.later)
        self.later = np.maximum(begun + increment, _FLOOR)
        self.first = np.maximum(self.first + increment, _FLOOR)

    def lower(self, by: Floats) -> None:
        """Throw evidence away: always allowed."""
        self.first = self.first - by
        self.later = self.later - by

    def log_e(self) -> Floats:
        return np.logaddexp(self.first, self.later) - _LN2
