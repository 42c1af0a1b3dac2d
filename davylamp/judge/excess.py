"""Are there more events on one side than its requests explain? Exact, and for counts only."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from davylamp.judge.sample import Floats


@dataclass(frozen=True)
class Tally:
    """`events` of a kind among `trials`."""

    events: float
    trials: float

    @property
    def rate(self) -> float:
        return self.events / self.trials if self.trials > 0 else float("nan")


def chance_of_excess(candidate: Tally, baseline: Tally, ratio: float = 1.0) -> float:
    """Chance of so many events on the candidate, were its rate at most `ratio` × the baseline's.

    Given their sum, the candidate's events are binomial (Przyborowski & Wilenski 1940).
    Fractions of events are allowed, for counts divided by their dispersion.
    """
    weighted = ratio * candidate.trials
    if candidate.events <= 0 or weighted <= 0 or baseline.trials <= 0:
        return 1.0
    share = weighted / (weighted + baseline.trials)
    return _beta(candidate.events, max(baseline.events, 0.0) + 1, share)


def chance_above(candidate: Tally, rate: float) -> float:
    """Chance of so many events on the candidate, were its own rate `rate`; plain binomial."""
    if candidate.events <= 0 or candidate.trials <= 0:
        return 1.0
    others = max(candidate.trials - candidate.events, 0.0)
    return _beta(candidate.events, others + 1, rate)


def dispersion(events: Floats, trials: Floats) -> float:
    """How much more events cluster than independent ones would (Pearson's χ²/df), at least 1."""
    busy = trials > 0
    k, n = events[busy], trials[busy]
    if len(n) < 2 or not k.any():
        return 1.0
    rate = min(float(k.sum() / n.sum()), 1.0)
    spread = n * rate * (1 - rate)
    if rate >= 1:
        return 1.0
    return max(1.0, float(np.sum((k - n * rate) ** 2 / spread) / (len(n) - 1)))


def _beta(a: float, b: float, x: float) -> float:
    """The regularised incomplete beta function: a binomial tail."""
    from scipy.special import betainc  # here, so that who only names the metrics doesn't load it

    return float(betainc(a, b, x))
