"""The tests of candidate against baseline alone: 4xx, hangs, CPU, memory, restarts."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from davylamp.judge.sample import Floats
from davylamp.judge.sequential.betting import sign_bets
from davylamp.judge.sequential.blocks import Extremes, Sums
from davylamp.judge.sequential.policy import SequentialPolicy
from davylamp.judge.sequential.tick import BASELINE, CANARY, Bools, Tick

BAD_LUCK = 1 / 10_800
"""Restarts a second that bad luck alone may bring: one in three hours."""
RESTART_RATES = np.array([1 / 300, 1 / 60, 1 / 10])
_SIGNS = {
    "client_error_rate": (0.3, np.array([0.6, 0.85, 0.97])),
    "hanging": (0.15, np.array([0.4, 0.75, 0.97])),
    "cpu_per_request": (0.5, np.array([0.7, 0.85, 0.97])),
    "memory_bytes": (0.2, np.array([0.5, 0.8, 0.97])),
}
"""Chance that a block of identical builds looks worse, and the alternatives."""
CHANNELS = 3 * (len(_SIGNS) + 1)
EARLY = np.arange(CHANNELS) >= CHANNELS - 3
"""Restarts count from the first second."""
GROSS = EARLY | np.repeat([False, True, False, False, False], 3)
"""Hangs and restarts can be judged without a simultaneous baseline."""
_MEMORY_BLOCKS = 6
_LEAST_BLOCKS = 3


@dataclass(frozen=True)
class BlockEnds:
    """(B,): where a block of five, or of ten seconds ends with this tick."""

    five: Bools
    ten: Bools


@dataclass
class Resources:
    """What the blocks under way hold, and the last minute of memory."""

    cpu: Sums
    requests: Sums
    total: Floats
    """(B, 2, 2): 4xx and requests so far, by side."""
    memory: Extremes
    ratios: Floats
    """(B, 2, 3): number, sum and sum of squares of the blocks' log ratios, of CPU and memory."""

    @classmethod
    def fresh(cls, releases: int, sides: int) -> Resources:
        return cls(
            Sums.fresh(releases, 2 * sides),
            Sums.fresh(releases, 8),
            np.zeros((releases, 2, 2)),
            Extremes.fresh(releases, _MEMORY_BLOCKS),
            np.zeros((releases, 2, 3)),
        )

    def feed(self, tick: Tick, ends: BlockEnds, policy: SequentialPolicy) -> Floats:
        """What a tick adds to the logarithm of each channel: (B, CHANNELS)."""
        requests = self._requests(tick, ends)
        parts = [
            _signs("client_error_rate", *self._client_errors(requests, ends, policy)),
            _signs("hanging", *_hanging(requests, ends, policy)),
            _signs("cpu_per_request", *self._cpu(tick, ends, policy)),
            _signs("memory_bytes", *self._memory(tick, ends, policy)),
            _restarts(tick),
        ]
        return np.concatenate(parts, axis=-1)

    def _requests(self, tick: Tick, ends: BlockEnds) -> Floats:
        """(B, 4, 2) over the ten seconds under way: 4xx, requests, begun, begun and not ended."""
        pair = np.s_[:, :2]
        begun = tick.started[pair]
        columns = np.stack(
            [
                tick.client_errors[pair],
                tick.completed[pair],
                begun,
                begun - tick.completed[pair],
            ],
            axis=1,
        )
        found = self.requests.feed(columns.reshape(len(columns), 8), ends.ten)
        return found.reshape(-1, 4, 2)

    def _client_errors(
        self, requests: Floats, ends: BlockEnds, policy: SequentialPolicy
    ) -> tuple[Bools, Bools]:
        """4xx are the users' doing, mostly; a candidate that refuses many more is not."""
        events, trials = requests[:, 0], requests[:, 1]
        if not ends.ten.any():
            return ends.ten, ends.ten
        self.total += np.where(ends.ten[:, None, None], requests[:, :2], 0.0)
        now = events / np.maximum(trials, 1.0)
        ever = self.total[:, 0] / np.maximum(self.total[:, 1], 1.0)
        usual = np.maximum(now, ever)[:, BASELINE]
        allowed = policy.client_error_ratio * usual + policy.client_error_floor
        counts = ends.ten & (trials.min(axis=1) >= 5)
        return now[:, CANARY] > allowed, counts

    def _cpu(self, tick: Tick, ends: BlockEnds, policy: SequentialPolicy) -> tuple[Bools, Bools]:
        """A request may cost half as much again as on the baseline, or as on stable: users who
        cost more and stick to a side are not the build's doing."""
        cpu = tick.cpu_seconds
        told = [cpu[:, :2], np.nan_to_num(cpu[:, 2:])]  # a stable that doesn't tell used nothing
        columns = np.concatenate([*told, tick.completed], axis=1)
        found = self.cpu.feed(columns, ends.five).reshape(len(cpu), 2, -1)
        if not ends.five.any():
            return ends.five, ends.five
        used, trials = found[:, 0], found[:, 1]
        mine = trials[:, CANARY : CANARY + 1]
        theirs = np.nan_to_num(used[:, BASELINE:]) * mine / np.maximum(trials[:, BASELINE:], 1.0)
        allowed = policy.cpu_ratio * theirs.max(axis=1) + policy.cpu_floor_cores * 5.0
        known = np.isfinite(used[:, :2]).all(axis=1) & (trials[:, :2].min(axis=1) >= 5)
        self._note(0, used[:, CANARY], theirs[:, 0], ends.five & known)
        return used[:, CANARY] > allowed, ends.five & known

    def _memory(self, tick: Tick, ends: BlockEnds, policy: SequentialPolicy) -> tuple[Bools, Bools]:
        """Its lowest of a minute above the baseline's highest: no sawtooth does that."""
        self.memory.feed(tick.memory_bytes[:, :2], ends.ten)
        if not ends.ten.any():
            return ends.ten, ends.ten
        mine, theirs = self.memory.lows[:, :, CANARY], self.memory.highs[:, :, BASELINE]
        blocks = np.minimum(np.isfinite(mine).sum(axis=0), np.isfinite(theirs).sum(axis=0))
        last = tick.memory_bytes
        self._note(1, last[:, CANARY], last[:, BASELINE], ends.ten)
        is_worse = mine.min(axis=0) > policy.memory_ratio * theirs.max(axis=0)
        return is_worse, ends.ten & (blocks >= _LEAST_BLOCKS)

    def _note(self, which: int, mine: Floats, theirs: Floats, counts: Bools) -> None:
        """Keep the log ratio of a block, for the interval that people read."""
        use = counts & (mine > 0) & (theirs > 0)
        ratio = np.log(np.where(use, mine, 1.0) / np.where(use, theirs, 1.0))
        self.ratios[:, which] += np.stack([use.astype(float), ratio, ratio**2], axis=1)


def _hanging(requests: Floats, ends: BlockEnds, policy: SequentialPolicy) -> tuple[Bools, Bools]:
    """Requests that pile up, block after block: begun and not ended."""
    if not ends.ten.any():
        return ends.ten, ends.ten
    begun, left = requests[:, 2], requests[:, 3]
    share = left / np.maximum(begun, 1.0)
    usual = np.maximum(share[:, BASELINE], 0.0)
    is_worse = (share[:, CANARY] > usual + policy.hanging_share) & (left[:, CANARY] >= 3)
    counts = ends.ten & np.isfinite(share).all(axis=1) & (begun.min(axis=1) >= 5)
    return is_worse, counts


def _restarts(tick: Tick) -> Floats:
    """Poisson likelihood ratio of the candidate's restarts against bad luck and the baseline's."""
    calm = (BAD_LUCK - RESTART_RATES) * tick.seconds
    if not tick.restarts[:, :2].any():
        return np.broadcast_to(calm, (len(tick.restarts), len(calm)))
    mine = np.minimum(tick.restarts[:, CANARY], 3.0) - tick.restarts[:, BASELINE]
    more = np.log(RESTART_RATES / BAD_LUCK)
    return np.minimum(mine[:, None] * more, 4.0) + calm


def _signs(name: str, is_worse: Bools, counts: Bools) -> Floats:
    null, alternatives = _SIGNS[name]
    return sign_bets(is_worse.astype(float), counts.astype(float), null, alternatives)


def log_tests(log_e: Floats) -> Floats:
    """(B, 5): the logarithm of each test's evidence, in the order of `RESOURCE_TESTS`."""
    shaped = log_e.reshape(len(log_e), -1, 3)
    return np.logaddexp.reduce(shaped, axis=-1) - np.log(3.0)
