"""Intervals that hold at every look at once: for people to read beside the e-values.

Each is the set of values that a mixture e-process has not refuted at 1 − α: a confidence
sequence (Howard & Ramdas, arXiv 1906.09712; Lindon & Malek, arXiv 2011.03567). Counts are divided
by their dispersion first. Not for the hot path: called when a verdict is put into words.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from davylamp.judge.sample import Floats

ALPHA = 0.05


def log_beta(a: float, b: float) -> float:
    return math.lgamma(a) + math.lgamma(b) - math.lgamma(a + b)


def dirichlet_log_e(c: float, b: float, p: float, prior: float = 1.0) -> float:
    """log e-value of c and b events against "the first kind's share is p".

    Beta(prior, prior) mixture: the two-category case of Lindon & Malek (2022).
    """
    if not 0 < p < 1:
        return math.inf
    mixture = log_beta(prior + c, prior + b) - log_beta(prior, prior)
    return mixture - c * math.log(p) - b * math.log1p(-p)


def share_interval(c: float, b: float, alpha: float = ALPHA) -> tuple[float, float]:
    """The shares p in [0, 1] that c and b events don't refute."""
    limit = -math.log(alpha)
    middle = (c + 0.5) / (c + b + 1.0)

    def is_refuted(p: float) -> bool:
        return dirichlet_log_e(c, b, p, prior=0.5) >= limit

    low = 0.0 if c == 0 else _edge(is_refuted, 0.0, middle)
    high = 1.0 if b == 0 else _edge(is_refuted, 1.0, middle)
    return low, high


def rate_ratio_interval(
    c: float, b: float, n_c: float, n_b: float, alpha: float = ALPHA
) -> tuple[float, float]:
    """Ratio of the candidate's rate to the baseline's, from c of n_c and b of n_b events.

    Upper end infinite where the baseline has had too few events to say.
    """
    if n_c <= 0 or n_b <= 0:
        return 0.0, math.inf
    low, high = share_interval(c, b, alpha)
    scale = n_b / n_c
    return scale * _odds(low), scale * _odds(high)


def quantile_interval(
    counts: Floats, q: float, bounds: Floats, dispersion: float = 1.0, alpha: float = ALPHA
) -> tuple[float, float]:
    """Bounds (of buckets) between which the q-quantile lies; (0, inf) where nothing is known.

    A bound x stays in when "a share 1 − q lies above x" is not refuted.
    """
    total = float(counts.sum()) / dispersion
    if total <= 0:
        return 0.0, math.inf
    over = (counts.sum() - np.cumsum(counts))[: len(bounds)] / dispersion
    limit = -math.log(alpha)
    refuted = np.array(
        [dirichlet_log_e(k, total - k, 1 - q, prior=0.5) >= limit for k in over.tolist()]
    )
    expected = (1 - q) * total
    too_low = refuted & (over > expected)
    too_high = refuted & (over < expected)
    low = float(bounds[too_low].max()) if too_low.any() else 0.0
    high = float(bounds[too_high].min()) if too_high.any() else math.inf
    return low, high


def mean_interval(
    n: float, total: float, squares: float, alpha: float = ALPHA
) -> tuple[float, float]:
    """Mean of n values, asymptotically anytime-valid (Waudby-Smith et al., arXiv 2103.06476)."""
    if n < 3:
        return -math.inf, math.inf
    mean = total / n
    variance = max(squares / n - mean**2, 1e-12)
    rho2 = 0.05
    inside = 2 * (n * variance * rho2 + 1) / (n**2 * rho2)
    half = math.sqrt(inside * math.log(math.sqrt(n * variance * rho2 + 1) / alpha))
    return mean - half, mean + half


def _odds(p: float) -> float:
    return p / (1 - p) if p < 1 else math.inf


def _edge(is_refuted: Callable[[float], bool], outside: float, inside: float) -> float:
    for _ in range(60):
        middle = (outside + inside) / 2
        if is_refuted(middle):
            outside = middle
        else:
            inside = middle
    return inside
