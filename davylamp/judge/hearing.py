"""One release before the judge: ticks come in as they are read, a verdict at every look."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

import numpy as np

from davylamp.judge.named_metrics import Direction, NamedTick
from davylamp.judge.policy import JudgePolicy
from davylamp.judge.readings import Readings, Rows, tick_of, usual_row
from davylamp.judge.sample import LATENCY_BOUNDS_MS, Role, Sample, Series
from davylamp.judge.sequential.judges import Judges, Look
from davylamp.judge.sequential.named import NamedJudge
from davylamp.judge.sequential.named_words import named_metrics_of
from davylamp.judge.sequential.ruling import headline, what_is_missing
from davylamp.judge.sequential.tick import BASELINE, CANARY, Shape
from davylamp.judge.sequential.words import MetricEvidence, by_strength, metrics_of
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
        named = () if gross_only else policy.named
        self._named = NamedJudge(named, self._judges.policy)
        self._named_ticks: list[NamedTick] = []
        self._now = -math.inf
        self._intended = (-math.inf, math.nan)

    def intend(
        self, candidate_share: float, baseline_share: float, since: float = -math.inf
    ) -> None:
        """What share of users each side is meant to have, from `since` on (Unix seconds): of
        earlier ticks that are heard again nobody says."""
        usable = candidate_share > 0 and baseline_share > 0
        ratio = math.log(candidate_share / baseline_share) if usable else math.nan
        self._intended = (since, ratio)

    def hear(self, news: Mapping[Role, Sequence[Sample]], named: Sequence[NamedTick] = ()) -> None:
        """Take in samples, those that were read together as one tick, and what was read of named
        metrics: it is judged with the first tick that ends after it."""
        self._named_ticks.extend(named)
        self.feed(self._readings.take(news))

    def feed(self, ticks: Iterable[Rows]) -> None:
        """Take in ticks; what comes after harm was shown changes nothing any more."""
        for rows in ticks:
            if self._look is not None and self._look.must_go_back(0):
                return
            sides = self._judges.shape.sides
            since, ratio = self._intended
            at = max((float(row.at[0]) for row in rows.values()), default=-math.inf)
            self._judges.log_intended = np.full(1, ratio if at > since else math.nan)
            look = self._judges.feed(tick_of(self._with_reference(rows), sides))
            self._look = self._with_named(look, rows)

    def _with_named(self, look: Look, rows: Rows) -> Look:
        """The same look, with the evidence of the named metrics among all of harm."""
        if not self._named.rules:
            return look
        self._feed_named(max((float(row.at[0]) for row in rows.values()), default=self._now))
        policy = self._judges.policy
        harm = np.array([self._named.log_harm(float(look.harm[0]))])
        return replace(
            look,
            harm=harm,
            is_harmful=harm >= -math.log(policy.alpha),
            is_promotable=look.is_promotable & (harm < math.log(policy.doubtful_evidence)),
        )

    def _feed_named(self, now: float) -> None:
        """What was read until `now`, the end of a tick of the requests (Unix seconds)."""
        if not self._named.cases:
            self._named.begin(now)
        self._now = now
        self._named_ticks.sort(key=lambda tick: tick.at)
        while self._named_ticks and self._named_ticks[0].at <= now:
            self._named.feed(self._named_ticks.pop(0))

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
        metrics = self._metrics(look)
        vetoes = (*complaints, *self._named.vetoes(self._now))
        missing = (*vetoes, *self._missing(look))
        outcome = Outcome.CONTINUE
        if look.must_go_back(0):
            outcome = Outcome.ROLLBACK
        elif look.is_promotable[0] and not missing:
            outcome = Outcome.PROMOTE
        return Verdict(
            outcome=outcome,
            headline=self._headline(outcome, metrics, missing, look),
            judge=SEQUENTIAL,
            metrics=tuple(self._metric_verdict(m) for m in metrics),
            missing=missing,
            vetoes=vetoes,
            candidate_requests=int(judges.totals[0, CANARY, 0]),
            baseline_requests=int(judges.totals[0, BASELINE, 0]),
            e_value=math.exp(min(float(look.harm[0]), 690.0)),
            blames_build=bool(look.is_harmful[0]),
        )

    def _metrics(self, look: Look) -> tuple[MetricEvidence, ...]:
        """Of requests and named ones, the strongest part of the evidence of harm first."""
        found = metrics_of(self._judges, look, 0)
        if not self._named.cases:
            return found
        left = 1.0 + self._named.stake
        found = tuple(replace(m, weight=m.weight / left) for m in found)
        return by_strength((*found, *named_metrics_of(self._named, self._now)))

    def _metric_verdict(self, metric: MetricEvidence) -> MetricVerdict:
        found = _metric_verdict(metric, self._judges.policy.alpha)
        rule = next((rule for rule in self._named.rules if rule.name == metric.name), None)
        if rule is None:
            return found
        is_low = rule.direction is not Direction.UP and (metric.ratio or 0.0) < 1
        said = "Low" if found.classification == "High" and is_low else found.classification
        return replace(found, critical=rule.critical, classification=said)

    def _missing(self, look: Look) -> tuple[str, ...]:
        if self._judges.policy.gross_only:
            return (NOT_SIMULTANEOUS,)
        return what_is_missing(self._judges, look, 0)

    def _headline(
        self,
        outcome: Outcome,
        metrics: tuple[MetricEvidence, ...],
        missing: tuple[str, ...],
        look: Look,
    ) -> str:
        if self._judges.policy.gross_only and outcome is Outcome.CONTINUE:
            return "no gross harm"
        return headline(outcome, metrics, missing, self._judges, look, 0)


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
