"""Track: how the evidence on one release went, tick by tick; and the hearing that keeps it."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np

from davylamp.judge.hearing import Hearing
from davylamp.judge.policy import JudgePolicy
from davylamp.judge.readings import Rows
from davylamp.judge.sample import Floats, Series
from davylamp.judge.sequential.named import STAKE
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
    """(T, M) in the order of `metrics`: each one's evidence of harm times its weight."""
    safe: Floats
    """(T, S) in the order of `safe_metrics`: evidence of harmlessness; NaN where not asked for."""
    thresholds: Thresholds
    metrics: tuple[str, ...] = tuple(METRICS)
    safe_metrics: tuple[str, ...] = SAFE_TESTS

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
        """This one, and after it another that begins anew. What that doesn't judge is NaN."""
        return replace(
            self,
            at=np.concatenate([self.at, later.at]),
            harm=np.concatenate([self.harm, later.harm]),
            parts=np.concatenate([self.parts, _under(self.metrics, later.metrics, later.parts)]),
            safe=np.concatenate(
                [self.safe, _under(self.safe_metrics, later.safe_metrics, later.safe)]
            ),
        )


class TrackedHearing(Hearing):
    """A hearing that says the same, and keeps the way there: for those who watch it."""

    def __init__(self, policy: JudgePolicy, reference: Series | None = None) -> None:
        super().__init__(policy, reference)
        rules = self._named.rules
        self._metrics_tracked = (*METRICS, *(rule.name for rule in rules))
        self._safe_tracked = (*SAFE_TESTS, *(rule.name for rule in rules if rule.critical))
        self._ends: list[float] = []
        self._harm: list[float] = []
        self._parts: list[Floats] = []
        self._safe: list[Floats] = []

    def feed(self, ticks: Iterable[Rows]) -> None:
        """Take in ticks one by one, and note what is known after each."""
        for rows in ticks:
            before = self._look
            super().feed([rows])
            look = self._look
            if look is None or look is before:  # it has ended: nothing is taken in any more
                return
            self._ends.append(self._end_of(rows))
            self._harm.append(float(look.harm[0]))
            self._parts.append(self._parts_of(look.tests[0]))
            self._safe.append(np.concatenate([look.safe[0], self._named_safe()]))

    def track(self) -> EvidenceTrack:
        """All so far."""
        ticks, policy = len(self._ends), self._judges.policy
        return EvidenceTrack(
            at=np.array(self._ends),
            harm=np.array(self._harm),
            parts=np.array(self._parts).reshape(ticks, len(self._metrics_tracked)),
            safe=np.array(self._safe).reshape(ticks, len(self._safe_tracked)),
            thresholds=Thresholds(1 / policy.alpha, policy.doubtful_evidence, policy.safe_evidence),
            metrics=self._metrics_tracked,
            safe_metrics=self._safe_tracked,
        )

    def _end_of(self, rows: Rows) -> float:
        """When a tick ended; one without any reading a tick after the last."""
        if rows:
            return max(float(row.at[0]) for row in rows.values())
        return (self._ends[-1] if self._ends else 0.0) + self._judges.shape.tick_seconds

    def _parts_of(self, tests: Floats) -> Floats:
        """(M,) from the requests' tests, each with its weight, and from the named metrics."""
        weighted = tests + self._judges.log_weights
        with np.errstate(invalid="ignore"):
            requests = [np.logaddexp.reduce(weighted[of]) for of in _TESTS_OF_METRICS]
        logs = {case.rule.name: case.log_harm() for case in self._named.cases}
        named = [
            math.log(STAKE * rule.weight) + logs.get(rule.name, 0.0) if rule.weight > 0 else -np.inf
            for rule in self._named.rules
        ]
        return np.array([*requests, *named]) - math.log1p(self._named.stake)

    def _named_safe(self) -> Floats:
        """Of the critical ones; others aren't asked for it."""
        logs = {case.rule.name: case.log_safe() for case in self._named.cases}
        found = (logs.get(rule.name) for rule in self._named.rules if rule.critical)
        return np.array([0.0 if log is None else log for log in found])


_TESTS_OF_METRICS = [[TESTS.index(test) for test in of] for of in METRICS.values()]


def _under(names: tuple[str, ...], others: tuple[str, ...], values: Floats) -> Floats:
    """The columns of `values`, called `others`, in the order of `names`."""
    missing = np.full(len(values), np.nan)
    columns = [values[:, others.index(n)] if n in others else missing for n in names]
    return np.stack(columns, axis=1)
