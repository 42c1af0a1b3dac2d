"""The streaming judge: feed one tick of B releases, get the evidence for and against each."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from davylamp.judge.sample import Floats
from davylamp.judge.sequential import requests, resources
from davylamp.judge.sequential.control import Placebo, Spread
from davylamp.judge.sequential.dispersion import Dispersion
from davylamp.judge.sequential.planned import PlannedLooks
from davylamp.judge.sequential.policy import PLANNED_TESTS, TESTS, SequentialPolicy
from davylamp.judge.sequential.quality import Quality
from davylamp.judge.sequential.resources import BlockEnds, Resources
from davylamp.judge.sequential.restarts import Restarting, start_weight
from davylamp.judge.sequential.safety import SAFE_TESTS, Safety
from davylamp.judge.sequential.share_test import both_kinds
from davylamp.judge.sequential.shared import SharedDistress
from davylamp.judge.sequential.sides import Eyes, Seen
from davylamp.judge.sequential.tick import BASELINE, STABLE, Bools, Ints, Shape, Tick

LAST_TICKS = 60
STABLE_SILENCE = 10


@dataclass(frozen=True)
class Look:
    """What is known after a tick. Logarithms of e-values; arrays over B releases."""

    tests: Floats
    """(B, 14) in the order of `TESTS`: evidence of harm, each test for itself."""
    harm: Floats
    """(B,): their weighted mean; ROLLBACK from 1/α."""
    safe: Floats
    """(B, 6) in the order of `SAFE_TESTS`; NaN where nobody reports what it needs."""
    is_harmful: Bools
    is_shared: Bools
    """Both sides have been in distress for long: to take the newcomer back is the first thing to
    do, whoever is to blame."""
    is_promotable: Bools

    def must_go_back(self, i: int) -> bool:
        return bool(self.is_harmful[i] or self.is_shared[i])


@dataclass(frozen=True)
class _Cadence:
    """After how many ticks each channel begins anew."""

    requests: Floats
    blocks: Floats

    @classmethod
    def of(cls, shape: Shape, policy: SequentialPolicy) -> _Cadence:
        usual = max(1.0, float(round(policy.restart_seconds / shape.tick_seconds)))
        return cls(np.where(requests.EVERY_TICK, 1.0, usual), np.full(1, usual))


class Judges:
    """B releases of one shape under one policy. Pure but for its own state.

    `log_intended` (B,): logarithm of the intended ratio of candidate's to baseline's requests;
    NaN where nobody said.
    """

    def __init__(
        self, shape: Shape, policy: SequentialPolicy, log_intended: Floats | None = None
    ) -> None:
        b, p = shape.releases, shape.comparisons
        self.shape, self.policy = shape, policy
        self.log_intended = np.full(b, np.nan) if log_intended is None else log_intended
        self.age: Ints = np.zeros(b, dtype=np.intp)
        self.eyes = Eyes.fresh(shape, policy)
        self.tests = Restarting.fresh((b, p, requests.CHANNELS))
        self.block_tests = Restarting.fresh((b, resources.CHANNELS))
        self.dispersion = Dispersion.fresh((2, b, p))
        """Of errors, and of answers above the gross latency."""
        self.placebo = Placebo.fresh(b, shape.slices, 7)
        self.spread = Spread.fresh((5, b, 1 + shape.slices))
        """Of errors and of slow answers by test, among the groups of the same code."""
        self.planned = PlannedLooks.fresh(shape)
        self.resources = Resources.fresh(b, shape.sides)
        self.safety = Safety.fresh(b, policy)
        self.quality = Quality.fresh(b)
        self.shared = SharedDistress.fresh(b, len(shape.bounds_ms) + 1)
        self.totals = np.zeros((b, shape.sides, 3))
        """Requests, failures and 4xx so far, by side."""
        self.latency = np.zeros((b, shape.sides, len(shape.bounds_ms) + 1))
        self.costs = np.zeros((b, 2, 4))
        """CPU seconds, requests they were used for, memory and ticks it was known, by side."""
        self.stuck = np.zeros((b, 2))
        """Requests begun and not ended, as far as anybody reports it."""
        self.restarted = np.zeros((b, 2))
        self.last = np.zeros((LAST_TICKS, b, 2, 2))
        """Requests and failures of the last ticks, by side; a ring."""
        self.ticks = 0
        self.stable_silence = np.full(b, np.inf)
        """Ticks since stable's last request: nothing can be held against what has no users."""
        weights = np.array([max(policy.weights.get(name, 0.0), 0.0) for name in TESTS])
        weights[[policy.is_ignored(name) for name in TESTS]] = 0.0
        with np.errstate(divide="ignore"):
            self.log_weights = np.log(weights / max(weights.sum(), 1e-300))
        self._alarm = -float(np.log(policy.alpha))
        self._unasked = np.array([policy.is_ignored(name) for name in SAFE_TESTS])
        self._bounds = np.array(shape.bounds_ms)
        self._cadence = _Cadence.of(shape, policy)

    def feed(self, tick: Tick) -> Look:
        """Take one tick in. May be asked at every tick: the error bound holds for all looks."""
        s = self.shape.tick_seconds
        policy = self.policy
        self.age += 1
        active = self.age * s > policy.warm_up_seconds
        ends = BlockEnds(self._every(5.0), self._every(10.0))
        just_warm = active & ((self.age - 1) * s <= policy.warm_up_seconds)
        if just_warm.any():
            self.eyes.forget(just_warm)
        seen = self.eyes.see(tick)
        log_requests = self._request_tests(tick, seen, active, ends)
        resource_tests = self._resource_tests(tick, active, ends)
        planned = self._planned_looks(tick, just_warm, ends.ten)
        tests = np.concatenate([log_requests, resource_tests, planned], axis=1)
        phi = self.dispersion.phi()[0, :, 0]
        errors, slow = seen.errors.first(), seen.safe.first()
        self.safety.feed(tick, errors, slow, phi, self.age, active, ends, policy)
        age_seconds = self.age.astype(np.float64) * s
        self.quality.feed(tick, ends.ten, age_seconds, self.log_intended, policy)
        self.shared.feed(tick, ends.ten, self._bounds, policy)
        self._count(tick)
        return self._look(tests)

    def _every(self, seconds: float) -> Bools:
        ticks = max(1, round(seconds / self.shape.tick_seconds))
        return self.age % ticks == 0

    def _request_tests(self, tick: Tick, seen: Seen, active: Bools, ends: BlockEnds) -> Floats:
        policy, s = self.policy, self.shape.tick_seconds
        phi, phi_slow = self.dispersion.phi()
        found = requests.increments(seen, self._margins(), phi, phi_slow, policy)
        counts = active[:, None] | requests.EARLY
        if policy.gross_only:
            counts = counts & requests.GROSS
        found = np.where(counts[:, None, :], found, 0.0)
        starts = (self.age[:, None] % self._cadence.requests == 0) & counts
        starts &= self.age[:, None] > 1
        weight = start_weight(self.age[:, None], self._cadence.requests, policy.horizon_seconds / s)
        self.tests.feed(found, weight[:, None, :], starts[:, None, :])
        self.dispersion.feed(both_kinds(seen.errors, seen.gross_slow), ends.ten[:, None])
        self._feed_spread(tick, seen)
        return self._controlled(tick, requests.log_tests(self.tests.log_e()))

    def _margins(self) -> requests.Margins:
        """Identical builds may differ as much as stable's slices and the baseline do."""
        policy = self.policy
        one = np.ones((self.shape.releases, self.shape.comparisons))
        if not self.shape.slices:
            slow = np.broadcast_to(one, (3, *one.shape))
            return requests.Margins(policy.error_ratio * one, policy.gross_ratio * one, slow, one)
        wide = one * self.spread.widening()[..., None]
        gross = np.maximum(policy.gross_ratio, 1.2 * wide[0])
        return requests.Margins(policy.error_ratio * wide[0], gross, wide[1:4], wide[4])

    def _feed_spread(self, tick: Tick, seen: Seen) -> None:
        if not self.shape.slices:
            return
        first = self.shape.comparisons - self.shape.slices
        baseline = np.s_[:, BASELINE : BASELINE + 1]
        failed = np.concatenate([tick.failed[baseline], tick.slice_failed], axis=1)
        completed = np.concatenate([tick.completed[baseline], tick.slice_completed], axis=1)
        slow = [
            np.concatenate([self.eyes.baseline_slow[:, t : t + 1], c[:, first:]], axis=1)
            for t, c in enumerate((*seen.slow.c, seen.gross_slow.c))
        ]
        timed = np.concatenate([seen.slow.n_b[:, :1], seen.slow.n_c[:, first:]], axis=1)
        self.spread.feed(np.stack([failed, *slow]), np.stack([completed, *[timed] * len(slow)]))

    def _controlled(self, tick: Tick, log_tests: Floats) -> Floats:
        """The smaller of: against the baseline, less what stable's slices show; against stable."""
        found = log_tests[:, 0]
        if self.shape.slices:
            first = self.shape.comparisons - self.shape.slices
            twelfth = self._every(self.policy.placebo_seconds / 12)
            found = found - self.placebo.feed(log_tests[:, first:], twelfth)
        if self.shape.has_stable:
            silent = tick.completed[:, STABLE] <= 0
            self.stable_silence = np.where(silent, self.stable_silence + 1, 0.0)
            against_stable = log_tests[:, 1] + np.log(self.policy.reference_slack)
            has_stable = self.stable_silence < STABLE_SILENCE
            found = np.where(has_stable[:, None], np.minimum(found, against_stable), found)
        return found

    def _resource_tests(self, tick: Tick, active: Bools, ends: BlockEnds) -> Floats:
        found = self.resources.feed(tick, ends, self.policy)
        counts = active[:, None] | resources.EARLY
        if self.policy.gross_only:
            counts = counts & resources.GROSS
        found = np.where(counts, found, 0.0)
        every = self._cadence.blocks
        weight = start_weight(
            self.age[:, None], every, self.policy.horizon_seconds / self.shape.tick_seconds
        )
        self.block_tests.feed(found, weight, ends.five[:, None] & counts)
        return resources.log_tests(self.block_tests.log_e())

    def _planned_looks(self, tick: Tick, just_warm: Bools, ends: Bools) -> Floats:
        if self.policy.gross_only:
            return np.zeros((len(self.age), len(PLANNED_TESTS)))
        self.planned.feed(tick, self.shape, ends)
        if just_warm.any():
            self.planned.forget(just_warm)
        if ends.any():
            stakes = np.exp(self.log_weights[-len(PLANNED_TESTS) :])
            self.planned.look_when_due(ends, self.age, self.shape, stakes, self.policy)
        return self.planned.log_e()

    def _count(self, tick: Tick) -> None:
        self.totals += np.stack([tick.completed, tick.failed, tick.client_errors], axis=2)
        self.latency += tick.latency
        self.last[self.ticks % LAST_TICKS] = np.stack([tick.completed, tick.failed], 2)[:, :2]
        self.ticks += 1
        cpu, memory = tick.cpu_seconds[:, :2], tick.memory_bytes[:, :2]
        self.costs += np.stack(
            [
                np.nan_to_num(cpu),
                np.where(np.isfinite(cpu), tick.completed[:, :2], 0.0),
                np.nan_to_num(memory),
                np.isfinite(memory),
            ],
            axis=2,
        )

        begun = self.stuck + np.nan_to_num(tick.started[:, :2] - tick.completed[:, :2])
        in_flight = tick.in_flight[:, :2]
        self.stuck = np.where(np.isfinite(in_flight), in_flight, begun)
        self.restarted = self.restarted + tick.restarts[:, :2]

    def _look(self, tests: Floats) -> Look:
        with np.errstate(invalid="ignore"):
            harm = np.logaddexp.reduce(tests + self.log_weights, axis=1)
        safe = self._safe()
        enough = np.log(self.policy.safe_evidence)
        asked = np.isfinite(safe)
        is_safe = np.where(asked, safe >= enough, True).all(axis=1) & asked.any(axis=1)
        is_promotable = (
            is_safe
            & (harm < np.log(self.policy.doubtful_evidence))
            & self.quality.is_sound()
            & ~self.quality.distressed(self.policy)
            & (not self.policy.gross_only)
        )
        is_shared = self.shared.blocks >= self.policy.shared_blocks
        return Look(tests, harm, safe, harm >= self._alarm, is_shared, is_promotable)

    def _safe(self) -> Floats:
        """Evidence of harmlessness; NaN for CPU or memory that neither side reports."""
        safe = self.safety.shown
        reports_cpu = self.costs[:, :, 1].max(axis=1) > 0
        reports_memory = self.costs[:, :, 3].max(axis=1) > 0
        optional = np.stack([reports_cpu, reports_memory], axis=1)
        found = np.concatenate([safe[:, :4], np.where(optional, safe[:, 4:], np.nan)], axis=1)
        return np.where(self._unasked, np.nan, found)
