"""Forecast: a year of bad deploys, by strategy, and what would help."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from davylamp.forecast.assumptions import MOST_BAD_A_YEAR, Assumptions, WrongAssumption
from davylamp.forecast.exposure import STRATEGIES
from davylamp.forecast.levers import Lever, levers
from davylamp.forecast.simulate import CatchBelief, Harm, simulate


@dataclass(frozen=True)
class Forecast:
    """`strategy` is the one whose levers are looked at."""

    assumptions: Assumptions
    strategy: str
    harm: Sequence[Harm]
    levers: Sequence[Lever]
    seed: int

    def document(self) -> dict[str, Any]:
        a = self.assumptions
        return {
            "crippling_per_year_full_blast": round(a.bad_per_year, 9),
            "crippling_per_year_canary": round(a.missed_per_year, 9),
            "impact_per_year_full_blast": round(a.bad_per_year, 9),
            "impact_per_year_canary": round(impact(a), 9),
            "strategy": self.strategy,
            "harmed_user_minutes_per_year": {one.strategy: _harm(one) for one in self.harm},
            "levers": [asdict(one) for one in self.levers],
            "assumptions": asdict(a),
            "seed": self.seed,
        }


def make_forecast(
    a: Assumptions,
    strategy: str = "canary",
    *,
    seed: int = 1,
    years: int = 2000,
    belief: CatchBelief | None = None,
) -> Forecast:
    """All strategies meet the same seed. Raises `WrongAssumption` for more than can be played."""
    if a.bad_per_year > MOST_BAD_A_YEAR:
        raise WrongAssumption(
            "p_bad", f"makes {a.bad_per_year:,.0f} bad deploys a year: a million at most"
        )
    harm = [simulate(a, s, seed=seed, years=years, belief=belief) for s in STRATEGIES]
    return Forecast(a, strategy, harm, levers(a, strategy), seed)


def impact(a: Assumptions) -> float:
    """impact = probability × blast radius, in deploys that hit everybody, a year: those missed
    hit everybody, those caught only the first step's users (Kaplan & Garrick 1981, "On the
    Quantitative Definition of Risk": Σ probability × consequence)."""
    return a.missed_per_year + (a.bad_per_year - a.missed_per_year) * a.fraction


def _harm(one: Harm) -> dict[str, Any]:
    figures = {k: getattr(one, k) for k in ("expected", "mean", "p5", "p50", "p95")}
    return {k: round(v, 1) for k, v in figures.items()} | {"years": one.years}
