"""Events of all there were, on both sides: the share tests, as for errors."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from davylamp.judge.sample import Floats
from davylamp.judge.sequential.betting import BETS, safe_bets, share_bets
from davylamp.judge.sequential.dispersion import Dispersion
from davylamp.judge.sequential.named_pace import Moment
from davylamp.judge.sequential.named_trial import SAFE_SLACK, Channels, log_mean
from davylamp.judge.sequential.policy import SequentialPolicy
from davylamp.judge.sequential.share_test import (
    Events,
    rate_increment,
    share_increment,
    tempered,
)

_FACTORS = np.array([1.2, 1.6, 2.2, 3.5, 6.0, 12.0, 40.0, 150.0])
_SAFE_FACTORS = np.array([0.8, 0.5, 0.25, 0.1])
_SAFE_RATES = np.array([0.0005, 0.002, 0.004, 0.007])
_MOST_EVENTS = 10.0
"""The most events that one figure may speak for: they cluster."""
_CAP = 1.0
"""The most that one figure may add to the logarithm of the likelihood ratio: with the errors' cap
of 3, one stream of clustered events in 40 was a false alarm."""


class RatioTrial:
    """Figures are `[events, all]`. With `is_rare_safe` a rate that is low in itself is harmless,
    whatever the other side's: else two sides without any event could never be promoted."""

    def __init__(self, margin: float, policy: SequentialPolicy, *, is_rare_safe: bool) -> None:
        self._margin, self._safe_margin = np.full(1, margin), np.full(1, margin * SAFE_SLACK)
        self._policy = policy
        self._is_rare_safe = is_rare_safe
        self.dispersion = Dispersion.fresh((1,))
        rates = len(_SAFE_RATES) if is_rare_safe else 0
        self._groups = np.cumsum([0, len(_SAFE_FACTORS), len(BETS), rates])
        self._channels = Channels(len(_FACTORS) + len(BETS), int(self._groups[-1]), policy)

    def feed(self, mine: Floats, theirs: Floats, moment: Moment) -> None:
        events = Events(mine[:1], theirs[:1], mine[1:], theirs[1:])
        phi = self.dispersion.phi()
        few = tempered(events, phi, _MOST_EVENTS)
        harm = [
            share_increment(events, self._margin, _FACTORS, few, _CAP),
            share_bets(events, self._margin),
        ]
        safe = [
            share_increment(events, self._safe_margin, _SAFE_FACTORS, 1 / phi, _CAP),
            safe_bets(events, self._safe_margin),
        ]
        if self._is_rare_safe:
            null = self._policy.safe_error_rate
            rates = rate_increment(events.c, events.n_c, null, _SAFE_RATES, 1 / phi, _CAP)
            safe.append(rates)
        parts = (np.concatenate(harm, axis=-1)[0], np.concatenate(safe, axis=-1)[0])
        self._channels.feed(*parts, moment)
        self.dispersion.feed(events, np.array([moment.ends_block]))

    def log_harm(self) -> float:
        """Half the stake on each of the two tests."""
        log_e = self._channels.harm.log_e()
        both = [log_mean(log_e[: len(_FACTORS)]), log_mean(log_e[len(_FACTORS) :])]
        return log_mean(np.array(both))

    def log_safe(self) -> float:
        parts = [self._channels.safe[a:b] for a, b in pairwise(self._groups.tolist())]
        return log_mean(np.array([log_mean(part) for part in parts if len(part)]))
