"""Trial: one named metric of one side against the other's, in one direction.

Harm lies upwards: `mine` much larger than `theirs`. Downwards the sides are exchanged.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np

from davylamp.judge.sample import Floats
from davylamp.judge.sequential.named_pace import Moment
from davylamp.judge.sequential.policy import SequentialPolicy
from davylamp.judge.sequential.restarts import Restarting

SAFE_SLACK = 1.5
"""Harmless is what lies clearly below this times the margin: between the two nobody can say."""
_HEADROOM = 4.0
"""How far above the threshold evidence of harmlessness is kept: new harm must bring it down."""


class Trial(Protocol):
    """Takes figures in; logarithms of e-values out."""

    def feed(self, mine: Floats, theirs: Floats, moment: Moment) -> None:
        """What both sides counted since the last time; of a gauge, its level."""
        ...

    def log_harm(self) -> float:
        """Evidence against "no worse than the margin"."""
        ...

    def log_safe(self) -> float:
        """Evidence against "worse than the margin by half"."""
        ...


class Channels:
    """Evidence of harm, with restarts, and of harmlessness, kept below a ceiling, by channel."""

    def __init__(self, harm: int, safe: int, policy: SequentialPolicy) -> None:
        self.harm = Restarting.fresh((harm,))
        self.safe: Floats = np.zeros(safe)
        self._ceiling = float(np.log(policy.safe_evidence)) + _HEADROOM

    def feed(self, harm: Floats, safe: Floats, moment: Moment) -> None:
        """Nothing counts before the warm-up is over."""
        if not moment.is_active:
            return
        self.harm.feed(harm, moment.log_start, np.array(moment.starts))
        self.safe = np.clip(self.safe + safe, -50.0, self._ceiling)


def log_mean(log_e: Floats) -> float:
    """Logarithm of the mean of e-values."""
    return float(np.logaddexp.reduce(log_e.ravel()) - np.log(log_e.size))
