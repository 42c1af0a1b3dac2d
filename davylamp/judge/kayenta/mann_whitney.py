"""The Mann-Whitney U test in its normal approximation, at any shift of one side.

Mann & Whitney 1947; tie correction after Lehmann 1975, "Nonparametrics", ch. 1.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy.special import ndtr

from davylamp.judge.sample import Floats


@dataclass(frozen=True)
class RankTest:
    """Two samples made ready to be compared at many shifts; make it with `rank_test`."""

    x_values: Floats
    """Distinct values of the experiment, ascending."""
    x_counts: Floats
    y: Floats
    """The control, ascending."""
    own_ties: float
    """Sum of t³ − t over the ties within each side."""

    def z(self, shift: float, *, corrected: bool) -> float:
        """The standardised U of x − shift against y; NaN when all of them are tied.

        `corrected`: with the continuity correction of a half towards the middle.
        """
        moved = self.x_values - shift
        below = np.searchsorted(self.y, moved, side="left")
        upto = np.searchsorted(self.y, moved, side="right")
        n, m = float(self.x_counts.sum()), float(self.y.size)
        distance = float(self.x_counts @ (below + upto)) / 2 - n * m / 2
        if corrected:
            distance -= math.copysign(0.5, distance) if distance else 0.0
        ties = self.own_ties + _ties_across(self.x_counts, (upto - below).astype(np.float64))
        variance = n * m / 12 * ((n + m + 1) - ties / ((n + m) * (n + m - 1)))
        return distance / math.sqrt(variance) if variance > 1e-9 else math.nan

    def p_value(self) -> float:
        """Two-sided, with tie and continuity correction; 1 when everything is tied."""
        z = self.z(0.0, corrected=True)
        return 1.0 if math.isnan(z) else min(1.0, 2 * float(ndtr(-abs(z))))


def rank_test(x: Floats, y: Floats) -> RankTest:
    """Make experiment `x` and control `y` (neither empty, no NaN) ready."""
    values, counts = np.unique(x, return_counts=True)
    _, y_counts = np.unique(y, return_counts=True)
    own = _cubes(counts.astype(np.float64)).sum() + _cubes(y_counts.astype(np.float64)).sum()
    return RankTest(values, counts.astype(np.float64), np.sort(y), float(own))


def _cubes(counts: Floats) -> Floats:
    return counts**3 - counts


def _ties_across(x_counts: Floats, met: Floats) -> float:
    """What ties between the sides add to the ties within them."""
    if not met.any():
        return 0.0
    a, b = x_counts[met > 0], met[met > 0]
    return float((_cubes(a + b) - _cubes(a) - _cubes(b)).sum())
