"""Slow is what lies above a quantile that a reference had so far: counts above it, by side."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from davylamp.judge.sample import Floats
from davylamp.judge.sequential.tick import Bools, Ints

FORGETTING = 0.995
"""A tick: what was slow ten minutes ago counts a twentieth."""
LEAST = 10.0
"""Answers before a quantile is taken for known."""
_TIE = 1e-9


@dataclass(frozen=True)
class Ladder:
    """For every bucket bound, where `margin` times it lies, on the same bounds and on a slice's.

    Only ratios of bounds matter: the unit of latency does not.
    """

    quantiles: Floats
    """(Q,)"""
    up: Ints
    """(Q, K): index of the first bound at or above margin × the bound; K where there is none."""
    slice_bucket: Ints
    """(Q, K): the slice's bucket in which margin × the bound lies."""
    slice_part: Floats
    """(Q, K): which part of that bucket lies above it."""

    @classmethod
    def of(
        cls,
        tests: tuple[tuple[float, float], ...],
        bounds_ms: tuple[float, ...],
        slice_bounds_ms: tuple[float, ...] = (),
    ) -> Ladder:
        """`tests` are pairs of quantile and margin."""
        bounds = np.asarray(bounds_ms, dtype=np.float64)
        margins = np.array([margin for _, margin in tests])
        wanted = margins[:, None] * bounds[None, :]
        up = np.searchsorted(bounds, wanted * (1 - _TIE)).astype(np.intp)
        edges = np.asarray(slice_bounds_ms or bounds_ms, dtype=np.float64)
        bucket = np.searchsorted(edges, wanted * (1 - _TIE)).astype(np.intp)
        low = np.concatenate([[0.0], edges])[bucket]
        high = np.concatenate([edges, [np.inf]])[bucket]
        with np.errstate(invalid="ignore"):
            part = np.where(np.isfinite(high), (high - wanted) / (high - low), 1.0)
        quantiles = np.array([quantile for quantile, _ in tests])
        return cls(quantiles, up, bucket, _part(part))


def _part(part: Floats) -> Floats:
    """In [0, 1]; next to nothing is nothing: rounding does not say whether an event was there."""
    clipped = np.clip(part, 0.0, 1.0)
    return np.where(clipped < _TIE, 0.0, clipped)


def gather(values: Floats, index: Ints) -> Floats:
    """(…, Q): values (…, L) at the places index (…, Q). What np.take_along_axis does, in a fifth
    of its time for arrays this small."""
    rows = values.reshape(-1, values.shape[-1])
    places = index.reshape(len(rows), index.shape[-1])
    return rows[np.arange(len(rows))[:, None], places].reshape(index.shape)


def quantile_bucket(past: Floats, quantiles: Floats) -> Ints:
    """(…, Q): the bucket in which each quantile of the past (…, K + 1) lies.

    Its upper bound is the threshold. K (the bucket above all bounds) where nothing is known.
    """
    reached = np.cumsum(past, axis=-1)
    total = reached[..., -1]
    wanted = quantiles * total[..., None]
    is_below: Bools = reached[..., None, :] < wanted[..., None] * (1 - _TIE)
    found = is_below.sum(axis=-1, dtype=np.intp)
    last: Ints = np.full_like(found, past.shape[-1] - 1)
    return np.where(total[..., None] >= LEAST, found, last)


def quantile_part(past: Floats, quantiles: Floats, bucket: Ints) -> Floats:
    """(…, Q): which part of its bucket lies above each quantile of the past."""
    reached = np.cumsum(past, axis=-1)
    wanted = quantiles * reached[..., -1:]
    within = gather(past, bucket)
    over = gather(reached, bucket) - wanted
    return _part(over / np.maximum(within, 1e-12))


def above_value(latency: Floats, reached: Floats, edges: Floats, value: Floats) -> Floats:
    """(…, Q): how many lie above `value` (…, Q), spread evenly within a bucket.

    `edges` (K + 1) begin with 0; values lie at most at the last one.
    """
    bucket = np.clip(np.searchsorted(edges, value * (1 - _TIE)) - 1, 0, len(edges) - 2)
    low, high = edges[bucket], edges[bucket + 1]
    part = _part((high - value) / (high - low))
    return above(reached, bucket) + part * gather(latency, bucket)


def above(reached: Floats, bucket: Ints) -> Floats:
    """(…, Q): how many lie above the bucket's upper bound; `reached` (…, K + 1) is cumulative."""
    last = reached.shape[-1] - 1
    found = gather(reached, np.minimum(bucket, last))
    return reached[..., -1:] - found


def slice_above(reached: Floats, bucket: Ints, part: Floats) -> Floats:
    """(B, J, Q) above a threshold within `bucket` (B, Q), of which `part` lies above it."""
    where = np.broadcast_to(bucket[:, None, :], (*reached.shape[:2], bucket.shape[-1]))
    upto = gather(reached, where)
    before = np.where(where > 0, gather(reached, np.maximum(where - 1, 0)), 0.0)
    return reached[..., -1:] - upto + part[:, None, :] * (upto - before)
