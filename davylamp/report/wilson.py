"""Wilson's interval of a share."""

from __future__ import annotations

import numpy as np

from davylamp.judge.sample import Floats

_Z = 1.96
"""Of a 95 % interval."""


def wilson(counted: Floats, of: Floats) -> tuple[Floats, Floats, Floats]:
    """Shares and their 95 % intervals; NaN where there was nothing to count.

    E. B. Wilson 1927, "Probable Inference, the Law of Succession, and Statistical Inference".
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        n = np.where(of > 0, of, np.nan)
        rate = np.clip(counted / n, 0, 1)
        middle = (rate + _Z**2 / (2 * n)) / (1 + _Z**2 / n)
        reach = np.sqrt(rate * (1 - rate) / n + _Z**2 / (4 * n**2))
        half = _Z / (1 + _Z**2 / n) * reach
    return rate, np.clip(middle - half, 0, 1), np.clip(middle + half, 0, 1)


def wilson_of(counted: int, of: int) -> tuple[float, float]:
    """The interval of one share. Of nothing anything is possible: (0, 1)."""
    if of == 0:
        return 0.0, 1.0
    _, low, high = wilson(np.array([float(counted)]), np.array([float(of)]))
    return float(low[0]), float(high[0])
