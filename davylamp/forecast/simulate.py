"""Monte Carlo: harmed user-minutes a year, by strategy."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from davylamp.forecast.assumptions import Assumptions
from davylamp.forecast.exposure import STRATEGIES, Bools, Floats, mean_exposure

_MOST_DRAWS = 5_000_000
_FEWEST_YEARS = 20


@dataclass(frozen=True)
class Harm:
    """Harmed user-minutes a year under one strategy: users × share × minutes × harm share."""

    strategy: str
    expected: float
    """In closed form."""
    mean: float
    """Of the simulated years, as are the quantiles."""
    p5: float
    p50: float
    p95: float
    years: int
    simulated: Floats
    """(years,) user-minutes."""


@dataclass(frozen=True)
class CatchBelief:
    """A Beta distribution of the catch rate: what is known of it, and how well."""

    a: float
    b: float


def simulate(
    assumptions: Assumptions,
    strategy: str,
    *,
    seed: int,
    years: int = 2000,
    belief: CatchBelief | None = None,
) -> Harm:
    """Play years: bad deploys come as a Poisson process, each is caught or not, each harms.

    With `belief` every year has a catch rate of its own, drawn from it: what isn't known of the
    rate is in the quantiles then. The same seed gives the same answer; all strategies meet the
    same bad deploys. Fewer years are played where there would be too many deploys.
    """
    a = assumptions
    rng = np.random.default_rng([seed, 1])
    affordable = int(_MOST_DRAWS / max(a.bad_per_year, 1.0))
    years = min(years, max(affordable, _FEWEST_YEARS))
    counts = rng.poisson(a.bad_per_year, years)
    rates = rng.beta(belief.a, belief.b, years) if belief else np.full(years, a.catch_rate)
    draw, draws = STRATEGIES[strategy], np.random.default_rng([seed, 2])
    harmed = np.zeros(years)
    for i in range(years):
        is_caught: Bools = np.less(draws.random(int(counts[i])), float(rates[i]))
        harmed[i] = draw(a, is_caught, draws).sum()
    harmed *= a.users * a.harm_share / 60.0
    p5, p50, p95 = np.quantile(harmed, [0.05, 0.5, 0.95]).tolist()
    return Harm(strategy, expected(a, strategy), float(harmed.mean()), p5, p50, p95, years, harmed)


def expected(a: Assumptions, strategy: str) -> float:
    """Harmed user-minutes a year: bad deploys × mean exposure (Wald 1944, "On Cumulative Sums of
    Random Variables": the mean of a sum of a random number of independent terms)."""
    return a.bad_per_year * mean_exposure(a, strategy) / 60.0 * a.users * a.harm_share
