"""The named metrics of one release before the judge: their evidence joins that of the requests."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from davylamp.judge.named_metrics import NamedRule, NamedTick
from davylamp.judge.sequential.named_case import Case
from davylamp.judge.sequential.policy import SequentialPolicy

STAKE = 0.05
"""Share of the evidence of a metric of weight 1, beside the requests' 1."""


class NamedJudge:
    """Fed once, oldest first. What comes before the candidate's first request is not judged: it
    waits until that is known, and is then left out."""

    def __init__(self, rules: Sequence[NamedRule], policy: SequentialPolicy) -> None:
        self.rules, self.policy = tuple(rules), policy
        self.cases: tuple[Case, ...] = ()
        self._waiting: list[NamedTick] = []
        self._now = -math.inf

    @property
    def stake(self) -> float:
        """Of all of them together, beside the requests' 1."""
        return STAKE * sum(rule.weight for rule in self.rules)

    def begin(self, at: float) -> None:
        """The candidate met its first users, at `at` (Unix seconds)."""
        self.cases = tuple(Case(rule, self.policy, at) for rule in self.rules)
        waiting, self._waiting = self._waiting, []
        for tick in waiting:
            self.feed(tick)

    def feed(self, tick: NamedTick) -> None:
        """Take one look in. Looks that don't move forward in time are left out."""
        if not self.cases:
            self._waiting.append(tick)
        elif tick.at > max(self._now, self.cases[0].began):
            self._now = tick.at
            for case in self.cases:
                case.feed(tick)

    def log_harm(self, log_requests: float) -> float:
        """All evidence of harm together: the weighted mean of the requests' and of each metric's.

        `log_requests` is the logarithm of the requests' own weighted mean.
        """
        parts = [math.log(STAKE * case.rule.weight) + case.log_harm() for case in self.cases]
        return float(np.logaddexp.reduce([log_requests, *parts])) - math.log1p(self.stake)

    def vetoes(self, now: float) -> tuple[str, ...]:
        """What keeps the candidate from being promoted, the worst first (`now` in Unix seconds):
        critical metrics without figures, or without proof that they are harmless."""
        critical = [case for case in self.cases if case.rule.critical]
        unread = [f"{c.rule.name}: {said}" for c in critical if (said := c.complaint(now))]
        judged = [c for c in critical if not c.complaint(now)]
        return (*unread, *(said for c in judged if (said := self._unproven(c, now))))

    def _unproven(self, case: Case, now: float) -> str:
        enough, have = math.log(self.policy.safe_evidence), case.log_safe()
        if have is None or have >= enough:
            return ""
        age = now - case.began - self.policy.warm_up_seconds
        when = "nothing yet speaks for it"
        if have > 0.1 and age > 0:
            more = math.ceil(age * (enough - have) / have)
            when = f"about {more:,} s more of the same would do"
        return f"{case.rule.name}: harmlessness is not shown yet ({when})"
