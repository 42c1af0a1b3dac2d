"""A level on both sides: in how many blocks of ten seconds is one's above the other's?"""

from __future__ import annotations

import numpy as np

from davylamp.judge.sample import Floats
from davylamp.judge.sequential.betting import sign_bets
from davylamp.judge.sequential.named_pace import Moment
from davylamp.judge.sequential.named_trial import SAFE_SLACK, Channels, log_mean
from davylamp.judge.sequential.policy import SequentialPolicy

_NULL = 0.5
"""Of two identical builds one is above the other by the margin in at most half of the blocks."""
_ALTERNATIVES = np.array([0.7, 0.85, 0.97])
_SAFE_ALTERNATIVES = np.array([0.3, 0.15, 0.03])


class GaugeTrial:
    """Figures are `[level]`; a block's is their mean."""

    def __init__(self, margin: float, policy: SequentialPolicy) -> None:
        self._margins = np.array([margin, margin * SAFE_SLACK])
        self._block = np.zeros((2, 2))
        """Sum and number of the block's figures, by side."""
        self._channels = Channels(len(_ALTERNATIVES), len(_SAFE_ALTERNATIVES), policy)

    def feed(self, mine: Floats, theirs: Floats, moment: Moment) -> None:
        if moment.ends_block:
            self._end_block(moment)
        self._block += [[mine[0], 1.0], [theirs[0], 1.0]]

    def _end_block(self, moment: Moment) -> None:
        (mine, theirs) = self._block[:, 0] / np.maximum(self._block[:, 1], 1.0)
        counts = (self._block[:1, 1] > 0).astype(float)
        # of a level below zero, too, the margin is a part of its size
        allowed = theirs + (self._margins - 1.0) * abs(theirs)
        is_worse, is_much_worse = (mine > allowed).astype(float)
        harm = sign_bets(np.array([is_worse]), counts, _NULL, _ALTERNATIVES)
        safe = sign_bets(np.array([is_much_worse]), counts, _NULL, _SAFE_ALTERNATIVES)
        self._channels.feed(harm[0], safe[0], moment)
        self._block = np.zeros((2, 2))

    def log_harm(self) -> float:
        return log_mean(self._channels.harm.log_e())

    def log_safe(self) -> float:
        return log_mean(self._channels.safe)
