"""The catch rate and how well it is known, from counts."""

from __future__ import annotations

from dataclasses import dataclass

from scipy import stats

from davylamp.forecast.simulate import CatchBelief


@dataclass(frozen=True)
class CatchRate:
    """Of `bad` deploys `caught` were caught. Interval at `confidence`."""

    caught: int
    bad: int
    rate: float
    """Mean of the belief: with few bad deploys closer to one half than the plain ratio."""
    low: float
    high: float
    belief: CatchBelief
    confidence: float


def catch_rate(caught: int, bad: int, confidence: float = 0.95) -> CatchRate:
    """Jeffreys' interval: the posterior of a binomial under Beta(½, ½), equal-tailed, closed at
    the ends where nothing or everything was caught (Brown, Cai & DasGupta 2001, "Interval
    Estimation for a Binomial Proportion", section 4.3)."""
    if not 0 <= caught <= bad:
        raise ValueError(f"{caught} caught of {bad}")
    belief = CatchBelief(caught + 0.5, bad - caught + 0.5)
    tail = (1.0 - confidence) / 2.0
    low = 0.0 if caught == 0 else float(stats.beta.ppf(tail, belief.a, belief.b))
    high = 1.0 if caught == bad else float(stats.beta.ppf(1.0 - tail, belief.a, belief.b))
    return CatchRate(caught, bad, belief.a / (bad + 1.0), low, high, belief, confidence)
