"""Missing points and outliers, before anything is compared."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from davylamp.judge.kayenta.metric import NanStrategy
from davylamp.judge.sample import Floats

FENCE_FACTOR = 3.0


def without_missing(values: Sequence[float] | Floats, strategy: NanStrategy) -> Floats:
    """Leave NaN out, or put 0 in its place."""
    points = np.asarray(values, dtype=np.float64)
    missing = np.isnan(points)
    if strategy is NanStrategy.REPLACE:
        return np.where(missing, 0.0, points)
    return points[~missing]


def without_outliers(values: Floats, factor: float = FENCE_FACTOR) -> Floats:
    """Keep what lies within [min(P1, Q1 − f·IQR), max(P99, Q3 + f·IQR)]."""
    if values.size == 0:
        return values
    p1, q1, q3, p99 = (float(p) for p in np.percentile(values, (1, 25, 75, 99)))
    reach = factor * (q3 - q1)
    return values[(values >= min(p1, q1 - reach)) & (values <= max(p99, q3 + reach))]
