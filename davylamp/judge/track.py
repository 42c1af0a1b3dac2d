"""Track: how the evidence on one release went, tick by tick; and the hearing that keeps it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np

from davylamp.judge.hearing import Hearing
from davylamp.judge.policy import JudgePolicy
from davylamp.judge.readings import Rows
from davylamp.judge.sample import Floats, Series
from davylamp.judge.sequential.policy import METRICS, TESTS
from davylamp.judge.sequential.safety import SAFE_TESTS


@dataclass(frozen=True)
class Thresholds:
    """E-values at which something changes."""

    rollback: float
    """All evidence of harm together, from which on the candidate is taken back (1/α)."""
    doubtful: float
    """The same, from which on nothing is promoted."""
    safe: float
    """Evidence of harmlessness that each metric has to reach before anything is promoted."""


@dataclass(frozen=True)
class EvidenceTrack:
    """Natural logarithms of e-values after each of T ticks that ended at `at` (Unix seconds)."""

    at: Floats
    """(T,)"""
    harm: Floats
    """(T,): all evidence of harm together, the sum of its parts."""
    parts: Floats
    """(T, 9) in the order of `METRICS`: each metric's evidence of harm times its weight."""
    safe: Floats
    """(T, 6) in the order of `SAFE_TESTS`: evidence of harmlessness; NaN where not asked for."""
    thresholds: Thresholds

    def __len__(self) -> int:
        return len(self.at)

    def until(self, at: float) -> EvidenceTrack:
        """Only the ticks that had ended by then."""
        keep = self.at <= at
        return replace(
            self,
            at=self.at[keep],
            harm=self.harm[keep],
            parts=self.parts[keep],
            safe=self.safe[keep],
        )

    def then(self, later: EvidenceTrack) -> EvidenceTrack:
        """This one, and after it another that begins anew."""
        return replace(
            self,
            at=np.concatenate([self.at, later.at]),
            harm=np.concatenate([self.harm, later.harm]),
            parts=np.concatenate([self.parts, later.parts]),
            safe=np.concatenate([self.safe, later.safe]),
        )


class TrackedHearing(Hearing):
    """A hearing that says the same, and keeps the way there: for those who watch it."""

    def __init__(self, policy: JudgePolicy, reference: Series | None = None) -> None:
        super().__init__(policy, reference)
        self._ends: list[float] = []
        self._tests: list[Floats] = []
        self._safe: list[Floats] = []

    def feed(self, ticks: Iterable[Rows]) -> None:
        """Take in ticks one by one, and note what is known after each."""
        for rows in ticks:
            if self._look is not None and self._look.is_harmful[0]:
                return
            super().feed([rows])
            if self._look is None:
                continue
            self._ends.append(self._end_of(rows))
            self._tests.append(self._look.tests[0])
            self._safe.append(self._look.safe[0])

    def track(self) -> EvidenceTrack:
        """All so far."""
        tests = np.array(self._tests).reshape(len(self._ends), len(TESTS))
        parts = _weighted_parts(tests, self._judges.log_weights)
        with np.errstate(invalid="ignore"):
            harm = np.logaddexp.reduce(parts, axis=1)
        policy = self._judges.policy
        return EvidenceTrack(
            at=np.array(self._ends),
            harm=harm,
            parts=parts,
            safe=np.array(self._safe).reshape(len(self._ends), len(SAFE_TESTS)),
            thresholds=Thresholds(1 / policy.alpha, policy.doubtful_evidence, policy.safe_evidence),
        )

    def _end_of(self, rows: Rows) -> float:
        """When a tick ended; one without any reading a tick after the last."""
        if rows:
            return max(float(row.at[0]) for row in rows.values())
        return (self._ends[-1] if self._ends else 0.0) + self._judges.shape.tick_seconds


def _weighted_parts(tests: Floats, log_weights: Floats) -> Floats:
    """(T, 9) from (T, tests): a metric's tests, each with its weight, added up."""
    weighted = tests + log_weights
    with np.errstate(invalid="ignore"):
        columns = [
            np.logaddexp.reduce(weighted[:, [TESTS.index(test) for test in of]], axis=1)
            for of in METRICS.values()
        ]
    return np.stack(columns, axis=1)
