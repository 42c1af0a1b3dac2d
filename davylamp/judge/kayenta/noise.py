"""Two sides that never vary get a little noise, so that an interval can be computed."""

from __future__ import annotations

import numpy as np

from davylamp.judge.sample import Floats

RELATIVE_SIGMA = 1e-5
_SEEDS = (2017, 2018)
"""One a side, fixed: the same input must give the same result twice."""


def are_both_constant(x: Floats, y: Floats) -> bool:
    return bool(np.ptp(x) == 0 and np.ptp(y) == 0)


def shaken(x: Floats, y: Floats) -> tuple[Floats, Floats]:
    """Both sides with noise N(0, |value| · 1e-5)."""
    first, second = (
        side
        + np.random.default_rng(seed).normal(0.0, 1.0, side.size) * np.abs(side) * RELATIVE_SIGMA
        for side, seed in zip((x, y), _SEEDS, strict=True)
    )
    return first, second
