"""Case: all that is known of one named metric of one release."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from davylamp.judge.named_metrics import Direction, MetricKind, NamedReading, NamedRule, NamedTick
from davylamp.judge.sample import Floats, Role
from davylamp.judge.sequential.named_gauge import GaugeTrial
from davylamp.judge.sequential.named_histogram import HistogramTrial
from davylamp.judge.sequential.named_pace import Pace
from davylamp.judge.sequential.named_pair import Pairing
from davylamp.judge.sequential.named_ratio import RatioTrial
from davylamp.judge.sequential.named_trial import Trial
from davylamp.judge.sequential.policy import SequentialPolicy

_STALE_SECONDS = 90.0
_SIDE_NAMES = ("candidate", "baseline")


@dataclass
class Totals:
    """What both sides of a comparison counted so far, for people."""

    mine: Floats
    theirs: Floats
    figures: int = 0
    """How many figures of both sides there were."""
    log_ratios: tuple[float, float, float] = (0.0, 0.0, 0.0)
    """Number, sum and sum of squares of their log ratios: of a gauge."""

    def add(self, mine: Floats, theirs: Floats) -> None:
        self.mine, self.theirs = self.mine + mine, self.theirs + theirs
        self.figures += 1
        if len(mine) == 1 and mine[0] > 0 and theirs[0] > 0:
            ratio = math.log(mine[0] / theirs[0])
            n, total, squares = self.log_ratios
            self.log_ratios = (n + 1, total + ratio, squares + ratio**2)


@dataclass
class Comparison:
    """The candidate against one other side: a trial for each direction in which harm may lie."""

    rule: NamedRule
    policy: SequentialPolicy
    against: Role
    pace: Pace
    pairing: Pairing = field(init=False)
    trials: dict[Direction, Trial] = field(default_factory=dict[Direction, Trial])
    totals: Totals | None = None
    compared_at: float = -math.inf
    trouble: str = ""
    """Why its two sides can't be compared at all."""

    def __post_init__(self) -> None:
        self.pairing = Pairing(self.rule.kind)

    def feed(self, at: float, readings: Mapping[Role, NamedReading | None]) -> None:
        found = self.pairing.take(readings[Role.CANDIDATE], readings[self.against])
        self.trouble = self._trouble()
        if found is None or self.trouble:
            return
        mine, theirs = found
        if self.totals is None or self.totals.mine.shape != mine.shape:
            self.trials = self._trials()
            self.totals = Totals(np.zeros_like(mine), np.zeros_like(theirs))
        self.totals.add(mine, theirs)
        self.compared_at = at
        moment = self.pace.moment(at)
        for direction, trial in self.trials.items():
            sides = (mine, theirs) if direction is Direction.UP else (theirs, mine)
            trial.feed(*sides, moment)

    def _trouble(self) -> str:
        bounds = self.pairing.bounds()
        if any(not of_side for of_side in bounds):
            return "its histogram has no bucket but +Inf"
        if len(set(bounds)) > 1:
            return f"candidate and {self.against} have different buckets"
        return ""

    def _trials(self) -> dict[Direction, Trial]:
        both = (Direction.UP, Direction.DOWN)
        wanted = both if self.rule.direction is Direction.EITHER else (self.rule.direction,)
        return {direction: self._trial(direction) for direction in wanted}

    def _trial(self, direction: Direction) -> Trial:
        margin, policy = self.rule.margin, self.policy
        if self.rule.kind is MetricKind.GAUGE:
            return GaugeTrial(margin, policy)
        if self.rule.kind is MetricKind.HISTOGRAM:
            return HistogramTrial(self.pairing.bounds()[0], margin, policy)
        return RatioTrial(margin, policy, is_rare_safe=direction is Direction.UP)


class Case:
    """Fed with what every look brought, oldest first; logarithms of e-values out."""

    def __init__(self, rule: NamedRule, policy: SequentialPolicy, began: float) -> None:
        self.rule, self.policy, self.began = rule, policy, began
        self.baseline, self.stable = (
            Comparison(rule, policy, role, Pace(began, policy))
            for role in (Role.BASELINE, Role.STABLE)
        )
        self.problem = "nothing was read of it yet"

    def feed(self, tick: NamedTick) -> None:
        name = self.rule.name
        readings = {role: tick.of.get(role, {}).get(name) for role in Role}
        if name in tick.problems:
            self.problem = tick.problems[name]
        elif any(reading is not None for reading in readings.values()):
            self.problem = ""
        for comparison in (self.baseline, self.stable):
            comparison.feed(tick.at, readings)

    def log_harm(self) -> float:
        """Evidence of harm; of both directions the mean. As with the requests, never more than
        against stable, times the slack: identical code may differ as much."""
        found = [self._log_harm(direction) for direction in self.baseline.trials]
        return float(np.logaddexp.reduce(found) - math.log(len(found))) if found else 0.0

    def _log_harm(self, direction: Direction) -> float:
        found = self.baseline.trials[direction].log_harm()
        if direction not in self.stable.trials:
            return found
        slack = math.log(self.policy.reference_slack)
        return min(found, self.stable.trials[direction].log_harm() + slack)

    def log_safe(self) -> float | None:
        """Evidence of harmlessness in each direction that matters; None where not asked for."""
        if not self.rule.critical:
            return None
        return min((trial.log_safe() for trial in self.baseline.trials.values()), default=0.0)

    def complaint(self, now: float) -> str:
        """Why there are no figures to go by (`now` in Unix seconds); empty where there are."""
        if self.problem:
            return f"not read ({self.problem})"
        if self.baseline.trouble:
            return f"not judged ({self.baseline.trouble})"
        for name, was_read in zip(_SIDE_NAMES, self.baseline.pairing.have_read(), strict=True):
            if not was_read:
                return f"no figures of the {name}"
        if self.baseline.totals is None:
            return "no figures of both sides yet"
        age = now - self.baseline.compared_at
        return f"no new figures of both sides for {age:.0f} s" if age > _STALE_SECONDS else ""
