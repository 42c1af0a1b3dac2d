"""Confidence interval and estimate of the shift, by turning the rank test around."""

from __future__ import annotations

import math
from dataclasses import dataclass

from scipy.special import ndtri

from davylamp.judge.kayenta.mann_whitney import RankTest, rank_test
from davylamp.judge.sample import Floats

TOLERANCE = 1e-4
"""Absolute tolerance of the root finder; it makes the judge depend on the metric's scale."""


@dataclass(frozen=True)
class Shift:
    """By how much the experiment lies above the control, in the metric's unit."""

    lower: float
    upper: float
    estimate: float


def shift_between(x: Floats, y: Floats, confidence: float) -> Shift:
    """The shift of experiment `x` against control `y`, neither empty.

    The interval is made with the continuity correction, the estimate without, all within
    [min x − max y, max x − min y]. Raises ArithmeticError when it is not defined.
    """
    test = rank_test(x, y)
    reach = float(x.min() - y.max()), float(x.max() - y.min())
    quantile = float(ndtri(0.5 + confidence / 2))
    return Shift(
        lower=_root(test, quantile, reach, corrected=True),
        upper=_root(test, -quantile, reach, corrected=True),
        estimate=_root(test, 0.0, reach, corrected=False),
    )


def _root(test: RankTest, level: float, reach: tuple[float, float], *, corrected: bool) -> float:
    """The shift at which z falls to `level`: z only ever falls as the shift grows."""
    from scipy.optimize import brentq

    def above(shift: float) -> float:
        return test.z(shift, corrected=corrected) - level

    low, high = reach
    at_low, at_high = above(low), above(high)
    if not (math.isfinite(at_low) and math.isfinite(at_high)):
        raise ArithmeticError("no interval: all observations are tied, or too large")
    if at_low <= 0:
        return low
    if at_high >= 0:
        return high
    return float(brentq(above, low, high, xtol=TOLERANCE))
