"""The tests of requests: errors, latency, completions; candidate, stable and its slices alike."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from davylamp.judge.sample import Floats
from davylamp.judge.sequential.betting import BETS, share_bets
from davylamp.judge.sequential.policy import SequentialPolicy
from davylamp.judge.sequential.share_test import (
    Events,
    rate_increment,
    share_increment,
    tempered,
)

ERROR_FACTORS = np.array([1.2, 1.6, 2.2, 3.5, 6.0, 12.0, 40.0, 150.0])
ERROR_RATES = np.array([0.006, 0.01, 0.03, 0.1, 0.3, 0.7])
GROSS_FACTORS = np.array([1.5, 2.5, 5.0, 12.0, 40.0, 150.0])
GROSS_RATES = np.array([0.08, 0.15, 0.3, 0.6, 0.95])
ALONE_RATES = np.array([0.4, 0.7, 0.95])
ALONE_STAKE = 0.05
ALONE_NULL = 0.2
"""With nobody to compare with, this share of failures is held to be nobody's fault."""
SLOW_FACTORS = np.array([1.6, 3.0, 6.0, 15.0])
COMPLETION_FACTORS = np.array([0.4, 0.1, 0.01])

_GROUPS = (
    ("errors_relative", (len(ERROR_FACTORS), len(BETS))),
    ("errors_absolute", (len(ERROR_RATES),)),
    ("gross_relative", (len(GROSS_FACTORS),)),
    ("gross_absolute", (len(GROSS_RATES),)),
    ("gross_alone", (len(ALONE_RATES),)),
    ("p50", (len(BETS),)),
    ("p90", (len(BETS),)),
    ("p99", (len(BETS),)),
    ("gross_latency", (len(SLOW_FACTORS),)),
    ("completions", (len(COMPLETION_FACTORS),)),
)
CHANNELS = sum(sum(parts) for _, parts in _GROUPS)
STARTS = np.cumsum([0, *(sum(parts) for _, parts in _GROUPS)])[:-1]
"""First channel of each group."""
LOG_SHARE = np.log(
    np.concatenate(
        [np.full(size, 1 / (len(parts) * size)) for _, parts in _GROUPS for size in parts]
    )
)
"""How a group's stake is shared out among its channels."""
EVERY_TICK = np.repeat(
    [name.startswith("gross") or name == "completions" for name, _ in _GROUPS],
    [sum(parts) for _, parts in _GROUPS],
)
"""Channels that begin anew every tick."""
EARLY = np.repeat(
    [
        name in ("gross_relative", "gross_absolute", "gross_alone", "completions")
        for name, _ in _GROUPS
    ],
    [sum(parts) for _, parts in _GROUPS],
)
"""Channels that count from the first second, warm-up or not."""
GROSS = EARLY | np.repeat(
    [name == "gross_latency" for name, _ in _GROUPS], [sum(parts) for _, parts in _GROUPS]
)
"""Channels that count where there is no simultaneous baseline."""


@dataclass(frozen=True)
class Compared:
    """What one tick shows of every comparison: arrays of shape (B, P)."""

    errors: Events
    slow: Events
    """(3, B, P): above p50, p90, p99 by the margin."""
    gross_slow: Events
    """Above p90 by the gross margin."""
    completions: Events


@dataclass(frozen=True)
class Margins:
    """Rate ratios up to which nothing is held against a candidate (B, P)."""

    errors: Floats
    gross: Floats
    slow: Floats
    """(3, B, P): of what lies above p50, p90, p99."""
    gross_slow: Floats
    """Of what lies above the gross latency."""


def increments(
    seen: Compared, margins: Margins, phi: Floats, phi_slow: Floats, policy: SequentialPolicy
) -> Floats:
    """What one tick adds to the logarithm of each channel: (B, P, CHANNELS)."""
    errors = seen.errors
    one = np.ones_like(errors.c)
    gross_cap = policy.gross_cap * np.minimum(1.0, policy.gross_calm / phi)[..., None]
    few = tempered(errors, phi, 10.0)
    gross = tempered(errors, np.full_like(phi, 3.0), 40.0)
    parts = [
        share_increment(errors, margins.errors, ERROR_FACTORS, few, policy.error_cap),
        share_bets(errors, margins.errors),
        rate_increment(
            errors.c, errors.n_c, policy.error_rate, ERROR_RATES, 1 / phi, policy.error_cap
        ),
        share_increment(errors, margins.gross, GROSS_FACTORS, gross, gross_cap),
        rate_increment(errors.c, errors.n_c, policy.gross_rate, GROSS_RATES, one / 3.0, gross_cap),
        rate_increment(
            np.where(errors.n_b > 0, 0.0, errors.c),
            np.where(errors.n_b > 0, 0.0, errors.n_c),
            ALONE_NULL,
            ALONE_RATES,
            one / 3.0,
            policy.gross_cap,
        ),
        *share_bets(seen.slow, margins.slow),
        share_increment(
            seen.gross_slow,
            margins.gross_slow,
            SLOW_FACTORS,
            tempered(seen.gross_slow, phi_slow, 10.0),
            2.0,
        ),
        share_increment(
            seen.completions,
            policy.completion_odds * one,
            COMPLETION_FACTORS,
            tempered(seen.completions, 3.0 * one, 40.0),
            policy.completion_cap,
        ),
    ]
    return np.concatenate(parts, axis=-1)


def log_tests(log_e: Floats) -> Floats:
    """(B, P, 7): the logarithm of each test's evidence, in the order of `REQUEST_TESTS`.

    Errors must be worse than the other side's *and* worse than the floor: the smaller counts.
    """
    groups = np.logaddexp.reduceat(log_e + LOG_SHARE, STARTS, axis=-1)
    return np.concatenate(
        [
            np.minimum(groups[..., 0:1], groups[..., 1:2]),
            np.logaddexp(
                np.minimum(groups[..., 2:3], groups[..., 3:4]) + np.log1p(-ALONE_STAKE),
                groups[..., 4:5] + np.log(ALONE_STAKE),
            ),
            groups[..., 5:],
        ],
        axis=-1,
    )
