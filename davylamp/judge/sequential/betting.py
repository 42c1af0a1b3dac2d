"""Betting on the candidate's share of a tick's events: bounded, so that clusters can't fool it.

Waudby-Smith & Ramdas, "Estimating means of bounded random variables by betting" (2020).
"""

from __future__ import annotations

import numpy as np

from davylamp.judge.sample import Floats
from davylamp.judge.sequential.share_test import Events

BETS = np.array([0.25, 0.6, 1.2, 1.8])


def share_bets(events: Events, margin: Floats, bets: Floats = BETS) -> Floats:
    """log(1 + λ·(x − p₀)·min(1, ½/p₀)) with x = c/(c+b), for every bet λ (…, G).

    Null: the expected share is at most p₀ = ρ·n_c / (ρ·n_c + n_b). Zero in a tick without events.
    """
    x, p0, counts = _share(events, margin)
    stake = np.minimum(1.0, 0.5 / np.maximum(p0, 1e-12)) * counts
    return np.log1p(bets * ((x - p0) * stake)[..., None])


def safe_bets(events: Events, margin: Floats, bets: Floats = BETS) -> Floats:
    """The same bets placed the other way round: null "the expected share is at least p₀"."""
    x, p0, counts = _share(events, margin)
    stake = np.minimum(1.0, 0.5 / np.maximum(1.0 - p0, 1e-12)) * counts
    return np.log1p(bets * ((p0 - x) * stake)[..., None])


def sign_bets(is_worse: Floats, counts: Floats, null: float, alternatives: Floats) -> Floats:
    """Likelihood ratio of a yes-no question asked block by block (…, G).

    `is_worse` is 1.0 or 0.0, `counts` 1.0 where a block has just ended and could be judged.
    Null: worse with probability at most `null` (alternatives above it), or at least (below it).
    """
    if not counts.any():
        return np.zeros((*counts.shape, len(alternatives)))
    yes = np.log(alternatives / null)
    no = np.log((1 - alternatives) / (1 - null))
    return np.where(is_worse[..., None] > 0, yes, no) * counts[..., None]


def _share(events: Events, margin: Floats) -> tuple[Floats, Floats, Floats]:
    both = events.both
    counts = events.comparable * (both > 0)
    x = events.c / np.maximum(both, 1e-12)
    weighted = margin * events.n_c
    p0 = weighted / np.maximum(weighted + events.n_b, 1e-12)
    return x, p0, counts
