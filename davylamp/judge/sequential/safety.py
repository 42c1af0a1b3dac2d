"""Is harm excluded? Tests whose null is "the candidate is harmful": only they may promote."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from davylamp.judge.sample import Floats
from davylamp.judge.sequential.betting import BETS, safe_bets, sign_bets
from davylamp.judge.sequential.blocks import Sums
from davylamp.judge.sequential.policy import SequentialPolicy
from davylamp.judge.sequential.resources import BlockEnds
from davylamp.judge.sequential.restarts import Restarting, start_weight
from davylamp.judge.sequential.share_test import Events, rate_increment, share_increment
from davylamp.judge.sequential.tick import BASELINE, CANARY, Bools, Ints, Tick

SAFE_TESTS = (
    "error_rate",
    "latency_p50",
    "latency_p90",
    "latency_p99",
    "cpu_per_request",
    "memory_bytes",
)
_FACTORS = np.array([0.8, 0.5, 0.25, 0.1])
_RATES = np.array([0.0005, 0.002, 0.004, 0.007])
_SIGNS = np.array([0.3, 0.15, 0.03])
_WIDTHS = (len(_FACTORS), len(_RATES), len(BETS), len(BETS), len(BETS), len(_SIGNS), len(_SIGNS))
_STARTS = np.cumsum([0, *_WIDTHS])[:-1]
_SHARE = np.log(np.concatenate([np.full(w, 1 / w) for w in _WIDTHS]))
_LN2 = float(np.log(2.0))
_RESTART_SECONDS, _HORIZON_SECONDS = 60.0, 300.0
_HEADROOM = 4.0
"""How far above the threshold evidence is kept: new harm must bring it down soon."""


@dataclass
class Safety:
    """log-evidence of harmlessness by channel (B, C), kept below a ceiling.

    It may begin anew every minute: a cold start is not held against a build for ever.
    """

    tests: Restarting
    blocks: Sums
    ceiling: float
    shown: Floats
    """(B, 6) in the order of `SAFE_TESTS`: what it comes to now."""

    @classmethod
    def fresh(cls, releases: int, policy: SequentialPolicy) -> Safety:
        ceiling = float(np.log(policy.safe_evidence)) + _HEADROOM
        tests = Restarting.fresh((releases, sum(_WIDTHS)))
        return cls(tests, Sums.fresh(releases, 6), ceiling, np.zeros((releases, len(SAFE_TESTS))))

    def feed(
        self,
        tick: Tick,
        errors: Events,
        slow: Events,
        phi: Floats,
        age: Ints,
        active: Bools,
        ends: BlockEnds,
        policy: SequentialPolicy,
    ) -> None:
        """`errors` (B,) and `slow` (3, B) compare candidate and baseline only."""
        one = np.ones_like(phi)
        cap = 1.0
        parts = [
            share_increment(errors, policy.safe_error_ratio * one, _FACTORS, 1 / phi, cap),
            rate_increment(errors.c, errors.n_c, policy.safe_error_rate, _RATES, 1 / phi, cap),
            *safe_bets(slow, one),
            *self._resources(tick, ends, policy),
        ]
        increment = np.where(active[:, None], np.concatenate(parts, axis=-1), 0.0)
        every = np.full((1, 1), _RESTART_SECONDS / tick.seconds)
        starts = (age % max(1, round(_RESTART_SECONDS / tick.seconds)) == 0) & active
        weight = np.zeros((1, 1))
        if starts.any():
            weight = start_weight(age[:, None], every, _HORIZON_SECONDS / tick.seconds)
        self.tests.feed(increment, weight, starts[:, None])
        found = self._log_tests()
        self.shown = np.minimum(found, self.ceiling)
        if (found > self.ceiling).any():
            self.tests.lower((found - self.shown)[:, _TEST_OF_CHANNEL])

    def _resources(
        self, tick: Tick, ends: BlockEnds, policy: SequentialPolicy
    ) -> tuple[Floats, Floats]:
        pair = np.s_[:, :2]
        columns = [tick.cpu_seconds[pair], tick.completed[pair], tick.memory_bytes[pair]]
        found = self.blocks.feed(np.concatenate(columns, axis=1), ends.five)
        if not ends.five.any():
            nothing = np.zeros((len(found), len(_SIGNS)))
            return nothing, nothing
        used, trials, memory = found[:, :2], found[:, 2:4], found[:, 4:]
        load = trials[:, CANARY] / np.maximum(trials[:, BASELINE], 1.0)
        limit = policy.safe_resources
        floor = policy.cpu_floor_cores * 5.0
        busy = used[:, CANARY] > limit * used[:, BASELINE] * load + floor
        large = memory[:, CANARY] > limit * memory[:, BASELINE]
        known = np.isfinite(used).all(axis=1) & (trials.min(axis=1) >= 1)
        return (
            sign_bets(busy.astype(float), (ends.five & known).astype(float), 0.5, _SIGNS),
            sign_bets(
                large.astype(float),
                (ends.five & np.isfinite(memory).all(axis=1)).astype(float),
                0.5,
                _SIGNS,
            ),
        )

    def _log_tests(self) -> Floats:
        """(B, 6) in the order of `SAFE_TESTS`. Errors: too few beside the baseline's, or too few
        in themselves; half the stake on each."""
        groups = np.logaddexp.reduceat(self.tests.log_e() + _SHARE, _STARTS, axis=-1)
        errors = np.logaddexp(groups[:, 0:1], groups[:, 1:2]) - _LN2
        return np.concatenate([errors, groups[:, 2:]], axis=-1)


_TEST_OF_CHANNEL = np.repeat([0, 0, 1, 2, 3, 4, 5], _WIDTHS)
