"""Quantiles from latency histograms."""

from __future__ import annotations

import numpy as np

from davylamp.judge.sample import LATENCY_BOUNDS_MS, Floats

_UPPER = np.array([*LATENCY_BOUNDS_MS, LATENCY_BOUNDS_MS[-1] * 1.25])
_LOWER = np.array([0.0, *LATENCY_BOUNDS_MS])


def quantiles_ms(latency: Floats, q: float) -> Floats:
    """The q-quantile in ms of each row of (n, buckets) counts; NaN for an empty row.

    Linear within a bucket; the bucket above the last bound is taken to be a quarter wide.
    """
    reached = np.cumsum(latency, axis=1)
    totals = reached[:, -1]
    wanted = q * totals
    bucket = np.argmax(reached >= wanted[:, None], axis=1)
    rows = np.arange(len(latency))
    within = latency[rows, bucket]
    before = reached[rows, bucket] - within
    share = np.divide(wanted - before, within, out=np.ones_like(within), where=within > 0)
    found = _LOWER[bucket] + np.clip(share, 0, 1) * (_UPPER[bucket] - _LOWER[bucket])
    return np.where(totals > 0, found, np.nan)


def quantile_ms(latency: Floats, q: float) -> float:
    """The q-quantile in ms of all rows together; NaN without any answer."""
    return float(quantiles_ms(latency.sum(axis=0, keepdims=True), q)[0])


def slower_than(latency: Floats, ms: float) -> Floats:
    """How many answers of each row lie above the last bucket bound not above `ms`."""
    first = int(np.searchsorted(_LOWER, ms, side="right")) - 1
    return latency[:, first:].sum(axis=1)
