"""From a service and its conditions to the chance of each latency bucket in each tick."""

from __future__ import annotations

import numpy as np
from scipy.special import ndtr

from benchmarks.calibration.noise_conditions import Conditions
from benchmarks.calibration.noise_service import Service
from davylamp.judge.sample import Floats

RATIO = 1.21
BOUNDS_MS: tuple[float, ...] = tuple(float(f"{0.5 * RATIO**k:.4g}") for k in range(63))
"""0.5 ms to about 68 s."""

SLOWEST = 0.03
"""The share of requests that the p99 harm slows down."""
_QUADRATURE = (np.arange(8) + 0.5) / 8


def bucket_chances(service: Service, side: Conditions) -> Floats:
    """(T, K + 1) chances of the buckets for requests that succeed; rows add up to 1."""
    cdf = _below(service, side, np.array(BOUNDS_MS)[None, :], slice(None))
    paused = np.flatnonzero(side.pause_ms > 0)
    if paused.size:
        cdf[paused] = _with_pauses(service, side, cdf[paused], paused)
    return _differences(cdf)


def failing_chances(service: Service) -> Floats:
    """(K + 1,) chances of the buckets for failing answers: they have a speed of their own."""
    bounds = np.array(BOUNDS_MS) / (service.median_ms * service.failing_speed)
    return _differences(ndtr(np.log(bounds) / service.sigma)[None, :])[0]


def still_running(chances: Floats) -> Floats:
    """(T,) the chance that a request begun in a tick of a second has not ended with it."""
    edges = np.array((0.0, *BOUNDS_MS, BOUNDS_MS[-1]))
    middles_s = (edges[1:] + edges[:-1]) / 2000
    return chances @ np.minimum(middles_s, 1.0)


def _below(service: Service, side: Conditions, x_ms: Floats, rows: slice | np.ndarray) -> Floats:
    """P(latency ≤ x), rows × columns of `x_ms`; the slowest 3 % are stretched on their own."""
    slow, tail_slow = side.slow[rows][:, None], side.tail_slow[rows][:, None]
    units = np.broadcast_to(x_ms / service.median_ms / slow, (len(slow), x_ms.shape[1]))
    cdf = _base(service, units)
    stretched = np.flatnonzero(tail_slow[:, 0] != 1)
    if stretched.size:
        rest = _base(service, units[stretched] / tail_slow[stretched])
        ordinary = np.minimum(cdf[stretched], 1 - SLOWEST)
        cdf[stretched] = ordinary + np.maximum(rest - (1 - SLOWEST), 0)
    return cdf


def _base(service: Service, medians: Floats) -> Floats:
    """P(latency ≤ x) with x in medians: log-normal body, Pareto tail."""
    x = np.maximum(medians, 1e-9)
    body = ndtr(np.log(x) / service.sigma)
    tail = 1 - np.minimum(1.0, (x / service.tail_from) ** -service.tail_alpha)
    return (1 - service.tail_share) * body + service.tail_share * tail


def _with_pauses(service: Service, side: Conditions, cdf: Floats, rows: np.ndarray) -> Floats:
    """A pause of P ms in a second: those who come in it wait U(0, P), those under way all of P."""
    pause = side.pause_ms[rows]
    coming = np.minimum(pause / 1000, 1.0)
    under_way = np.minimum(service.median_ms * side.slow[rows] / 1000, 1 - coming)
    waits = [pause * u for u in _QUADRATURE]
    shares = [coming / len(waits)] * len(waits)
    out = cdf * (1 - coming - under_way)[:, None]
    for wait, share in zip([*waits, pause], [*shares, under_way], strict=True):
        left = np.array(BOUNDS_MS)[None, :] - wait[:, None]
        out += share[:, None] * np.where(left > 0, _below(service, side, left, rows), 0.0)
    return out


def _differences(cdf: Floats) -> Floats:
    """Chances of disjoint buckets from (T, K) cumulative ones."""
    edges = np.concatenate([np.zeros((len(cdf), 1)), cdf, np.ones((len(cdf), 1))], axis=1)
    chances = np.maximum(np.diff(edges, axis=1), 0.0)
    return chances / chances.sum(axis=1, keepdims=True)
