"""Quantiles from latency histograms."""

from __future__ import annotations

import numpy as np

from davylamp.judge.sample import LATENCY_BOUNDS_MS, Floats

Bounds = tuple[float, ...]


def quantiles_ms(latency: Floats, q: float, bounds_ms: Bounds = LATENCY_BOUNDS_MS) -> Floats:
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
    lower = np.array([0.0, *bounds_ms])
    upper = np.array([*bounds_ms, bounds_ms[-1] * 1.25])
    found = lower[bucket] + np.clip(share, 0, 1) * (upper[bucket] - lower[bucket])
    return np.where(totals > 0, found, np.nan)


def quantile_ms(latency: Floats, q: float, bounds_ms: Bounds = LATENCY_BOUNDS_MS) -> float:
    """The q-quantile in ms of all rows together; NaN without any answer."""
    return float(quantiles_ms(latency.sum(axis=0, keepdims=True), q, bounds_ms)[0])


def slower_than(latency: Floats, ms: float, bounds_ms: Bounds = LATENCY_BOUNDS_MS) -> Floats:
    """How many answers of each row lie above the last bucket bound not above `ms`."""
    first = int(np.searchsorted([0.0, *bounds_ms], ms, side="right")) - 1
    return latency[:, first:].sum(axis=1)
