"""One second of B releases: what every side did."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from davylamp.judge.sample import Floats

Ints = npt.NDArray[np.intp]
Bools = npt.NDArray[np.bool_]

CANARY, BASELINE, STABLE = 0, 1, 2
"""Places on the axis of sides (S is 2 or 3)."""
SIDE_NAMES = ("canary", "baseline", "stable")


_MOST = 1e15
"""Counts are cut here, so that sums of nonsense stay finite."""


def counts_of(values: Floats) -> Floats:
    """Finite and not negative, whatever came in; what is no number counts nothing."""
    return np.clip(np.nan_to_num(values, nan=0.0, posinf=0.0, neginf=0.0), 0.0, _MOST)


def known_of(values: Floats) -> Floats:
    """NaN where a value is no number, negative, or absurd."""
    return np.where(np.isfinite(values) & (values >= 0) & (values <= _MOST), values, np.nan)


@dataclass(frozen=True)
class Tick:
    """What all sides of B releases did in one tick. Counts are finite and not negative.

    A side that is not `known` has zeros in its counts. `cpu_seconds`, `memory_bytes`, `started`
    and `in_flight` are NaN where nobody reports them.
    """

    known: Bools
    """(B, S): whether there was a reading at all."""
    completed: Floats
    """(B, S) requests that ended, well or badly."""
    failed: Floats
    """(B, S) 5xx, resets, refusals, time-outs."""
    client_errors: Floats
    """(B, S) 4xx."""
    latency: Floats
    """(B, S, K + 1) disjoint counts by bucket."""
    cpu_seconds: Floats
    memory_bytes: Floats
    started: Floats
    in_flight: Floats
    restarts: Floats
    slice_completed: Floats
    """(B, J) of stable's slices; J may be 0. Zero where not known."""
    slice_failed: Floats
    slice_latency: Floats
    """(B, J, K' + 1) under the slices' own bounds."""
    seconds: float = 1.0


@dataclass(frozen=True)
class Shape:
    """What B releases that are judged together have in common."""

    releases: int
    bounds_ms: tuple[float, ...]
    has_stable: bool = False
    slices: int = 0
    slice_bounds_ms: tuple[float, ...] = ()
    tick_seconds: float = 1.0

    @property
    def sides(self) -> int:
        return 3 if self.has_stable else 2

    @property
    def comparisons(self) -> int:
        """Candidate against baseline, against stable, and each slice against the baseline."""
        return 1 + self.has_stable + self.slices
