"""What the planner tries out: traffic and error rates, many times over, always the same dice."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from davylamp.judge.sample import Floats
from davylamp.judge.sequential.tick import Bools

SEED = 20220814
REPLICATES = 40
"""Releases simulated of each case: the 95 % mark is the 38th."""
PART = 0.95


@dataclass(frozen=True)
class Cases:
    """G cases: requests/s on the candidate and as many on the baseline, and what fails.

    All arrays (G,). The candidate fails at `error_rate` from `onset_seconds` on, and before that
    like the baseline, at `base_error_rate`.
    """

    canary_rps: Floats
    error_rate: Floats
    base_error_rate: float
    onset_seconds: Floats

    def __len__(self) -> int:
        return len(self.canary_rps)

    def repeated(self, replicates: int) -> Cases:
        """Every case so many times, side by side."""
        return self._with([np.repeat(v, replicates) for v in self._columns()])

    def only(self, rows: Bools) -> Cases:
        return self._with([v[rows] for v in self._columns()])

    def _columns(self) -> tuple[Floats, Floats, Floats]:
        return self.canary_rps, self.error_rate, self.onset_seconds

    def _with(self, columns: list[Floats]) -> Cases:
        rps, rate, onset = columns
        return Cases(rps, rate, self.base_error_rate, onset)


def place_of(part: float, replicates: int) -> int:
    """Which of the sorted replicates marks the part: counted from 0."""
    return math.ceil(part * replicates) - 1


def mark(seconds: Floats, part: float = PART) -> Floats:
    """(G,) seconds within which `part` of the replicates (G, N) are done; inf where they aren't."""
    return np.sort(seconds, axis=1)[:, place_of(part, seconds.shape[1])]
