"""Which side did an event come from? Likelihood ratios of the candidate's share of events."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from davylamp.judge.sample import Floats


@dataclass(frozen=True)
class Events:
    """Events of a kind on the side in question (c of n_c requests) and the one it is held
    against (b of n_b). All of one shape."""

    c: Floats
    b: Floats
    n_c: Floats
    n_b: Floats

    def of(self, kind: int) -> Events:
        """One of several kinds of events (kinds, …) of the same requests."""
        return Events(self.c[kind], self.b[kind], self.n_c, self.n_b)

    @cached_property
    def both(self) -> Floats:
        return self.c + self.b

    def first(self) -> Events:
        """Of several comparisons (…, B, P) only the first: candidate against baseline (…, B)."""
        return Events(self.c[..., 0], self.b[..., 0], self.n_c[..., 0], self.n_b[..., 0])

    @cached_property
    def comparable(self) -> Floats:
        """1.0 where both sides had requests, else 0.0."""
        return (np.minimum(self.n_c, self.n_b) > 0).astype(np.float64)


def both_kinds(one: Events, other: Events) -> Events:
    """Two kinds of events as one array (2, …)."""
    return Events(
        np.stack([one.c, other.c]),
        np.stack([one.b, other.b]),
        np.stack([one.n_c, other.n_c]),
        np.stack([one.n_b, other.n_b]),
    )


def share_increment(
    events: Events, margin: Floats, factors: Floats, tempering: Floats, cap: float | Floats
) -> Floats:
    """log-likelihood ratio of "rate ratio = margin × factor" against "≤ margin" (…, G).

    With p = r·n_c / (r·n_c + n_b): c·log(p/p₀) + b·log((1−p)/(1−p₀)) (Lindon & Malek 2022),
    times `tempering`, cut at `cap` from above. Zero where one side had no requests.
    """
    null = np.log(np.maximum(margin * events.n_c + events.n_b, 1e-300))
    ratio = margin[..., None] * factors
    other = ratio * events.n_c[..., None] + events.n_b[..., None]
    worse = np.log(np.maximum(other, 1e-300))
    found = events.c[..., None] * np.log(factors) + events.both[..., None] * (
        null[..., None] - worse
    )
    found *= (tempering * events.comparable)[..., None]
    return np.minimum(found, cap)


def rate_increment(
    c: Floats, n: Floats, null: float, alternatives: Floats, tempering: Floats, cap: float | Floats
) -> Floats:
    """log-likelihood ratio of "rate = alternative" against "rate ≤ null" (…, G), cut at `cap`.

    The same with alternatives below the null tests "rate ≥ null".
    """
    good = np.maximum(n - c, 0.0)
    found = c[..., None] * np.log(alternatives / null) + good[..., None] * np.log(
        (1 - alternatives) / (1 - null)
    )
    return np.minimum(found * tempering[..., None], cap)


def tempered(events: Events, dispersion: Floats, cap: float) -> Floats:
    """How much a tick's events count: they cluster, and no tick may say more than `cap` events."""
    return np.minimum(1.0 / dispersion, cap / np.maximum(events.both, 1.0))
