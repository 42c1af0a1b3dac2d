"""What the judge sees of a tick: events above thresholds, on every pair that is compared."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from davylamp.judge.sample import Floats
from davylamp.judge.sequential.policy import SequentialPolicy
from davylamp.judge.sequential.requests import Compared
from davylamp.judge.sequential.share_test import Events
from davylamp.judge.sequential.thresholds import (
    FORGETTING,
    Ladder,
    above,
    above_value,
    gather,
    quantile_bucket,
    quantile_part,
    slice_above,
)
from davylamp.judge.sequential.tick import BASELINE, CANARY, Bools, Ints, Shape, Tick

_LAG_TICKS = 5
_SMOOTHING = 0.9
_HARM_TESTS = 4
_AFTER_WARM_UP = 0.03


@dataclass(frozen=True)
class Seen(Compared):
    """Also what the tests of harmlessness look at: above p50, p90, p99 by their margins."""

    safe: Events
    """(3, B, P), of which only candidate against baseline is looked at."""


@dataclass
class Eyes:
    """The thresholds learnt from the past, and how many requests usually complete."""

    shape: Shape
    ladder: Ladder
    past: Floats
    """(B, references, K + 1): the baseline's latency so far, and stable's; forgotten slowly."""
    usual: Floats
    """(B, S + J): completions a tick, smoothed."""
    lagged: Floats
    """(LAG, B, S + J): the same, of the last ticks; what is oldest is what was usual."""
    safe_margins: Floats
    baseline_slow: Floats
    """(B, 4): the baseline's own answers above the raised thresholds in the last tick."""

    @classmethod
    def fresh(cls, shape: Shape, policy: SequentialPolicy) -> Eyes:
        tests = (
            (0.5, policy.latency_ratio),
            (0.9, policy.latency_ratio),
            (0.99, policy.latency_ratio),
            (0.9, policy.gross_latency_ratio),
            (0.5, policy.safe_p50),
            (0.9, policy.safe_p90),
            (0.99, policy.safe_p99),
        )
        b, k = shape.releases, len(shape.bounds_ms) + 1
        columns = shape.sides + shape.slices
        return cls(
            shape,
            Ladder.of(tests, shape.bounds_ms, shape.slice_bounds_ms),
            np.zeros((b, shape.sides - 1, k)),
            np.zeros((b, columns)),
            np.zeros((_LAG_TICKS, b, columns)),
            np.array([policy.safe_p50, policy.safe_p90, policy.safe_p99]),
            np.zeros((b, _HARM_TESTS)),
        )

    def see(self, tick: Tick) -> Seen:
        errors = self._pairs(tick.failed, tick.slice_failed, tick.completed, tick.slice_completed)
        slow = self._slow(tick)
        completions = self._completions(tick)
        self.past = FORGETTING * self.past + tick.latency[:, BASELINE:]
        n_c, n_b = slow.n_c, slow.n_b
        return Seen(
            errors,
            Events(slow.c[:3], slow.b[:3], n_c, n_b),
            slow.of(3),
            completions,
            Events(slow.c[_HARM_TESTS:], slow.b[_HARM_TESTS:], n_c, n_b),
        )

    def _pairs(self, sides: Floats, slices: Floats, trials: Floats, slice_trials: Floats) -> Events:
        """Candidate against baseline and stable, slices against baseline: (B, P)."""
        return Events(
            self._mine(sides, slices),
            self._theirs(sides),
            self._mine(trials, slice_trials),
            self._theirs(trials),
        )

    def _mine(self, sides: Floats, slices: Floats) -> Floats:
        mine = sides[:, CANARY : CANARY + 1]
        if self.shape.comparisons == 1:
            return mine
        mine = np.repeat(mine, self.shape.sides - 1, axis=1)
        return np.concatenate([mine, slices], axis=1)

    def _theirs(self, sides: Floats) -> Floats:
        if not self.shape.slices:
            return sides[:, BASELINE:]
        of_slices = np.repeat(sides[:, BASELINE : BASELINE + 1], self.shape.slices, axis=1)
        return np.concatenate([sides[:, BASELINE:], of_slices], axis=1)

    def _slow(self, tick: Tick) -> Events:
        """(T, B, P): above a quantile of the reference; the candidate's by the margin."""
        ladder, k = self.ladder, len(self.shape.bounds_ms)
        reached = np.cumsum(tick.latency, axis=-1)
        bucket = quantile_bucket(self.past, ladder.quantiles)  # (B, R, T)
        inside = np.minimum(bucket, k - 1)
        tests = np.arange(len(ladder.quantiles))
        raised = ladder.up[tests, inside]
        usable = (bucket < k) & (raised < k)
        theirs = above(reached[:, BASELINE:], inside)
        references = range(self.shape.sides - 1)
        mine = np.stack([above(reached[:, CANARY], raised[:, r]) for r in references], axis=1)
        self.baseline_slow = above(reached[:, BASELINE], raised[:, 0])[:, :_HARM_TESTS]
        slices, slice_trials = self._slices_slow(tick, inside[:, 0], tests)
        first = usable[:, :1]
        use = np.concatenate([usable, np.repeat(first, self.shape.slices, axis=1)], axis=1)
        c = np.concatenate([mine, slices], axis=1) * use
        b = np.concatenate([theirs, np.repeat(theirs[:, :1], self.shape.slices, axis=1)], axis=1)
        b = b * use
        trials = reached[..., -1]
        n_c, n_b = self._mine(trials, slice_trials), self._theirs(trials)
        safe_c, safe_b = self._finely(tick, reached, inside[:, 0], usable[:, 0])
        c[:, 0, _HARM_TESTS:], b[:, 0, _HARM_TESTS:] = safe_c, safe_b
        return Events(np.moveaxis(c, -1, 0), np.moveaxis(b, -1, 0), n_c, n_b)

    def _finely(
        self, tick: Tick, reached: Floats, inside: Ints, usable: Bools
    ) -> tuple[Floats, Floats]:
        """For the tests of harmlessness the quantile is placed within its bucket: above the upper
        edge of the p99's there may be next to nothing to bet on. (B, 3) of each side."""
        quantiles = self.ladder.quantiles[_HARM_TESTS:]
        bucket, use = inside[:, _HARM_TESTS:], usable[:, _HARM_TESTS:]
        part = quantile_part(self.past[:, 0], quantiles, bucket)
        edges = np.concatenate([[0.0], self.shape.bounds_ms])
        value = edges[bucket + 1] - part * (edges[bucket + 1] - edges[bucket])
        within = gather(tick.latency[:, BASELINE], bucket)
        theirs = above(reached[:, BASELINE], bucket) + part * within
        mine = above_value(
            tick.latency[:, CANARY], reached[:, CANARY], edges, self.safe_margins * value
        )
        return mine * use, theirs * use

    def forget(self, when: Bools) -> None:
        """Warm from here on (B,): what was slow in a cold start is no measure any more."""
        self.past = np.where(when[:, None, None], _AFTER_WARM_UP * self.past, self.past)

    def _slices_slow(self, tick: Tick, inside: Ints, tests: Ints) -> tuple[Floats, Floats]:
        if not self.shape.slices:
            b = self.shape.releases
            return np.zeros((b, 0, len(tests))), np.zeros((b, 0))
        reached = np.cumsum(tick.slice_latency, axis=-1)
        bucket = self.ladder.slice_bucket[tests, inside]
        part = self.ladder.slice_part[tests, inside]
        return slice_above(reached, bucket, part), reached[..., -1]

    def _completions(self, tick: Tick) -> Events:
        """Completed requests beside those begun; where that isn't known, beside the usual."""
        now = np.concatenate([tick.completed, tick.slice_completed], axis=1)
        s = self.shape.sides
        begun = np.concatenate(
            [tick.started, np.full((self.shape.releases, self.shape.slices), np.nan)], axis=1
        )
        usual = self.lagged[0]
        by_begun = self._pairs(now[:, :s], now[:, s:], begun[:, :s], begun[:, s:])
        by_usual = self._pairs(now[:, :s], now[:, s:], usual[:, :s], usual[:, s:])
        known = np.isfinite(by_begun.n_c) & np.isfinite(by_begun.n_b)
        # what nobody read has not failed to complete: neither side counts in such a tick
        read = np.concatenate([tick.known, np.isfinite(usual[:, s:])], axis=1)
        self.usual = np.where(read, _SMOOTHING * self.usual + (1 - _SMOOTHING) * now, self.usual)
        self.lagged = np.concatenate([self.lagged[1:], self.usual[None]])
        known_sides = tick.known.astype(np.float64)
        both = self._mine(known_sides, read[:, s:].astype(np.float64)) * self._theirs(known_sides)
        return Events(
            by_usual.c,
            by_usual.b,
            np.where(known, by_begun.n_c, by_usual.n_c) * both,
            np.where(known, by_begun.n_b, by_usual.n_b) * both,
        )
