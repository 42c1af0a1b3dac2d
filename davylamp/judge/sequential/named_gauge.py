"""A level on both sides: is one's above the other's, block of ten seconds by block?

Levels wander. So the lowest of one side's last half minute is held against the highest of the
other's: of 200 identical pairs whose levels forget within a minute (sd 30 %, margin 1.25) that
took the false alarms from 12 to 2, and cost calm ones nothing.
"""

from __future__ import annotations

import numpy as np

from davylamp.judge.sample import Floats
from davylamp.judge.sequential.betting import sign_bets
from davylamp.judge.sequential.named_pace import Moment
from davylamp.judge.sequential.named_trial import SAFE_SLACK, Channels, log_mean
from davylamp.judge.sequential.policy import SequentialPolicy

_NULL = 0.5
"""Of two identical builds one is above the other by the margin in at most half of the blocks."""
_BLOCKS = 3
_ALTERNATIVES = np.array([0.7, 0.85, 0.97])
_SAFE_ALTERNATIVES = np.array([0.3, 0.15, 0.03])


class GaugeTrial:
    """Figures are `[level]`; a block's is their mean."""

    def __init__(self, margin: float, policy: SequentialPolicy) -> None:
        self._margins = np.array([margin, margin * SAFE_SLACK])
        self._block = np.zeros((2, 2))
        """Sum and number of the block's figures, by side."""
        self._last = np.full((2, _BLOCKS), np.nan)
        """Of the last blocks, by side."""
        self._channels = Channels(len(_ALTERNATIVES), len(_SAFE_ALTERNATIVES), policy)

    def feed(self, mine: Floats, theirs: Floats, moment: Moment) -> None:
        if moment.ends_block:
            self._end_block(moment)
        self._block += [[mine[0], 1.0], [theirs[0], 1.0]]

    def _end_block(self, moment: Moment) -> None:
        count = self._block[:, 1]
        now = np.where(count > 0, self._block[:, 0] / np.maximum(count, 1.0), np.nan)
        self._last = np.concatenate([self._last[:, 1:], now[:, None]], axis=1)
        (low, high) = self._last[0].min(), self._last[1].max()  # NaN until all are known
        is_worse = low > self._allowed(high)[0]
        is_much_worse = now[0] > self._allowed(now[1])[1]
        of_three, of_now = bool(np.isfinite(low + high)), bool(np.isfinite(now).all())
        harm = sign_bets(*_asked(is_worse, of_three), _NULL, _ALTERNATIVES)
        safe = sign_bets(*_asked(is_much_worse, of_now), _NULL, _SAFE_ALTERNATIVES)
        self._channels.feed(harm[0], safe[0], moment)
        self._block = np.zeros((2, 2))

    def log_harm(self) -> float:
        return log_mean(self._channels.harm.log_e())

    def log_safe(self) -> float:
        return log_mean(self._channels.safe)

    def _allowed(self, level: float) -> Floats:
        """(2,): of a level below zero, too, the margin is a part of its size."""
        return level + (self._margins - 1.0) * abs(level)


def _asked(is_worse: bool, counts: bool) -> tuple[Floats, Floats]:
    return np.array([float(is_worse)]), np.array([float(counts)])
