"""One release before the judge: ticks come in as they are read, a verdict at every look."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from davylamp.judge.policy import JudgePolicy
from davylamp.judge.readings import Readings, Rows, tick_of, usual_row
from davylamp.judge.sample import LATENCY_BOUNDS_MS, Role, Sample, Series
from davylamp.judge.sequential.judges import Judges, Look
from davylamp.judge.sequential.ruling import headline, what_is_missing
from davylamp.judge.sequential.tick import BASELINE, CANARY, Shape
from davylamp.judge.sequential.words import MetricEvidence, metrics_of
from davylamp.judge.verdict import SEQUENTIAL, MetricVerdict, Outcome, Verdict

NOT_SIMULTANEOUS = "a baseline of the same seconds: without it only gross harm can be judged"
_NOTHING_YET = Verdict(
    Outcome.CONTINUE,
    "too little to judge: the candidate has had no request yet",
    SEQUENTIAL,
    missing=("requests of the candidate",),
)


class Hearing:
    """Feed it everything once, oldest first; ask it whenever you like.

    Its answer depends on what it was fed alone, so that a release that is picked up again goes
    on where it was by reading the samples again. With a `reference` (what the baseline did
    earlier) only gross harm is judged: there is no baseline of the same seconds.
    """

    def __init__(self, policy: JudgePolicy, reference: Series | None = None) -> None:
        gross_only = reference is not None
        shape = Shape(1, LATENCY_BOUNDS_MS, has_stable=not gross_only)
        self._judges = Judges(shape, policy.sequential(gross_only=gross_only))
        self._readings = Readings()
        self._reference = None if reference is None else usual_row(reference)
        self._look: Look | None = None

    def intend(self, candidate_share: float, baseline_share: float) -> None:
        """What share of users each side is meant to have from now on."""
        usable = candidate_share > 0 and baseline_share > 0
        ratio = math.log(candidate_share / baseline_share) if usable else math.nan
        self._judges.log_intended = np.full(1, ratio)

    def hear(self, news: Mapping[Role, Sequence[Sample]]) -> None:
        """Take in samples, those that were read together as one tick."""
        self.feed(self._readings.take(news))

    def feed(self, ticks: Iterable[Rows]) -> None:
        """Take in ticks; what comes after harm was shown changes nothing any more."""
        for rows in ticks:
            if self._look is not None and self._look.is_harmful[0]:
                return
            sides = self._judges.shape.sides
            self._look = self._judges.feed(tick_of(self._with_reference(rows), sides))

    def _with_reference(self, rows: Rows) -> Rows:
        if self._reference is None:
            return rows
        return {**rows, Role.BASELINE: self._reference}

    def verdict(self, complaints: Sequence[str] = ()) -> Verdict:
        """What the judge says now. `complaints` are what others hold against the data: with any
        of them nothing is promoted."""
        look, judges = self._look, self._judges
        if look is None:
            return _NOTHING_YET
        metrics = metrics_of(judges, look, 0)
        missing = (*complaints, *self._missing(look))
        outcome = Outcome.CONTINUE
        if look.is_harmful[0]:
            outcome = Outcome.ROLLBACK
        elif look.is_promotable[0] and not missing:
            outcome = Outcome.PROMOTE
        return Verdict(
            outcome=outcome,
            headline=self._headline(outcome, metrics, missing),
            judge=SEQUENTIAL,
            metrics=tuple(_metric_verdict(m, judges.policy.alpha) for m in metrics),
            missing=missing,
            candidate_requests=int(judges.totals[0, CANARY, 0]),
            baseline_requests=int(judges.totals[0, BASELINE, 0]),
            e_value=math.exp(min(float(look.harm[0]), 690.0)),
        )

    def _missing(self, look: Look) -> tuple[str, ...]:
        if self._judges.policy.gross_only:
            return (NOT_SIMULTANEOUS,)
        return what_is_missing(self._judges, look, 0)

    def _headline(
        self, outcome: Outcome, metrics: tuple[MetricEvidence, ...], missing: tuple[str, ...]
    ) -> str:
        if self._judges.policy.gross_only and outcome is Outcome.CONTINUE:
            return "no gross harm"
        return headline(outcome, metrics, missing, self._judges, 0)


def judge_series(
    candidate: Series, baseline: Series, policy: JudgePolicy, stable: Series | None = None
) -> Verdict:
    """The verdict over whole series, of which row t of one and row t of the others are one tick."""
    sides = {Role.CANDIDATE: candidate, Role.BASELINE: baseline}
    if stable is not None:
        sides[Role.STABLE] = stable
    hearing = Hearing(policy)
    hearing.feed(
        {role: series.row(t) for role, series in sides.items() if t < len(series)}
        for t in range(max(len(candidate), len(baseline)))
    )
    return hearing.verdict()


def _metric_verdict(metric: MetricEvidence, alpha: float) -> MetricVerdict:
    """`High` where this metric alone makes half of the evidence that rolls back."""
    is_high = metric.weight > 0 and metric.log_e >= math.log(0.5 / (alpha * metric.weight))
    has_data = metric.candidate is not None
    return MetricVerdict(
        name=metric.name,
        classification="High" if is_high else "Pass" if has_data else "Nodata",
        reason=metric.says,
        critical=True,
        candidate=metric.candidate,
        baseline=metric.baseline,
        unit=metric.unit,
        lower=metric.lower,
        upper=metric.upper,
        estimate=metric.ratio,
        effect_size=metric.ratio,
        e_value=metric.e_value,
        safe_e_value=None if metric.log_safe is None else math.exp(min(metric.log_safe, 690.0)),
        weight=metric.weight,
        margin=metric.margin,
        candidate_count=metric.candidate_count,
        baseline_count=metric.baseline_count,
    )
