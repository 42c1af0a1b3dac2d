"""A distribution on both sides: how much lies above what the other side's p50 and p90 were?"""

from __future__ import annotations

import numpy as np

from davylamp.judge.sample import Floats
from davylamp.judge.sequential.betting import BETS, safe_bets, share_bets
from davylamp.judge.sequential.named_pace import Moment
from davylamp.judge.sequential.named_trial import SAFE_SLACK, Channels, log_mean
from davylamp.judge.sequential.policy import SequentialPolicy
from davylamp.judge.sequential.share_test import Events
from davylamp.judge.sequential.thresholds import FORGETTING, Ladder, above, quantile_bucket

QUANTILES = (0.5, 0.9)
_Q = len(QUANTILES)


class HistogramTrial:
    """Figures are counts by bucket of `bounds`, and one above. The least shift it can see, or
    exclude, is one bucket."""

    def __init__(self, bounds: tuple[float, ...], margin: float, policy: SequentialPolicy) -> None:
        margins = (margin, margin * SAFE_SLACK)
        tests = tuple((q, m) for m in margins for q in QUANTILES)
        self._ladder = Ladder.of(tests, bounds)
        # a bound at or below zero has no margin
        self._raised = np.maximum(self._ladder.up, np.arange(len(bounds)))
        self._past = np.zeros(len(bounds) + 1)
        self._channels = Channels(_Q * len(BETS), _Q * len(BETS), policy)

    def feed(self, mine: Floats, theirs: Floats, moment: Moment) -> None:
        events = self._above(mine, theirs)
        one = np.ones(2 * _Q)
        harm, safe = share_bets(events, one)[:_Q], safe_bets(events, one)[_Q:]
        self._channels.feed(harm.ravel(), safe.ravel(), moment)
        self._past = FORGETTING * self._past + theirs

    def _above(self, mine: Floats, theirs: Floats) -> Events:
        """(2·Q,): above the past quantile by the margin, and above it as it is."""
        k = self._raised.shape[1]
        bucket = quantile_bucket(self._past, self._ladder.quantiles)
        inside = np.minimum(bucket, k - 1)
        raised = self._raised[np.arange(2 * _Q), inside]
        usable = (bucket < k) & (raised < k)
        c = above(np.cumsum(mine), np.minimum(raised, k - 1)) * usable
        b = above(np.cumsum(theirs), inside) * usable
        return Events(c, b, np.full(2 * _Q, mine.sum()), np.full(2 * _Q, theirs.sum()))

    def log_harm(self) -> float:
        """Half the stake on each quantile."""
        return log_mean(self._channels.harm.log_e())

    def log_safe(self) -> float:
        """Both have to be harmless."""
        return min(map(log_mean, self._channels.safe.reshape(_Q, len(BETS))))
