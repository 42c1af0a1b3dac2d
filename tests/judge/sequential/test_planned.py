"""Planned looks: mild slowness that stays, where a second has few requests."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest

from davylamp.judge.recording import Recording, Slices, series_from
from davylamp.judge.sample import Floats, Series
from davylamp.judge.sequential.judges import Judges, Look
from davylamp.judge.sequential.planned import BLOCK_SECONDS, LOOK_SECONDS
from davylamp.judge.sequential.policy import PLANNED_TESTS, TESTS, SequentialPolicy
from davylamp.judge.sequential.run import judge_recordings
from davylamp.judge.sequential.stack import shape_of, ticks_of
from davylamp.judge.verdict import Outcome

POLICY = SequentialPolicy()
BOUNDS = tuple(2.0 * 1.2**k for k in range(40))
TICKS = 600
PLANNED = [TESTS.index(name) for name in PLANNED_TESTS]


def latency(rng: np.random.Generator, rate: float, slower: Floats | float = 1.0) -> Floats:
    """(T, K + 1): log-normal answers around 50 ms, some ten times as long; `slower` by tick."""
    n = rng.poisson(rate, TICKS)
    tick = np.repeat(np.arange(TICKS), n)
    ms = 50 * rng.lognormal(0, 0.7, len(tick)) * np.where(rng.random(len(tick)) < 0.03, 10, 1)
    ms *= np.broadcast_to(slower, TICKS)[tick]
    found = np.zeros((TICKS, len(BOUNDS) + 1))
    np.add.at(found, (tick, np.searchsorted(BOUNDS, ms)), 1.0)
    return found


def side(counts: Floats) -> Series:
    return series_from(completed=counts.sum(axis=1), failed=np.zeros(TICKS), latency=counts)


def stream(seed: int, rate: float = 2.0, slower: Floats | float = 1.0) -> Recording:
    rng = np.random.default_rng(seed)
    canary, baseline = side(latency(rng, rate, slower)), side(latency(rng, rate))
    return Recording(f"s{seed}", 1.0, BOUNDS, canary, baseline)


def with_stable(recording: Recording, slower: Floats | float, slices: int = 0) -> Recording:
    """Stable of five times the traffic, as slow as is said; so is each of its slices."""
    rng = np.random.default_rng(99)
    parts = [latency(rng, 10.0, slower) for _ in range(max(slices, 1))]
    cut = np.stack(parts, axis=1)
    nothing = np.zeros(cut.shape[:2])
    found = Slices(BOUNDS, cut.sum(axis=2), nothing, cut) if slices else None
    return replace(recording, stable=side(np.sum(parts, axis=0)), slices=found)


def last_look(recordings: list[Recording], policy: SequentialPolicy = POLICY) -> Look:
    judges = Judges(shape_of(recordings), policy)
    return [judges.feed(tick) for tick in ticks_of(recordings)][-1]


def wins(recordings: list[Recording]) -> int:
    """Of how many a planned look says that they are slow; the other tests are not asked."""
    judges = Judges(shape_of(recordings), POLICY)
    warm = POLICY.warm_up_seconds + 1
    for tick in ticks_of(recordings):
        judges.age += 1
        found = judges._planned_looks(tick, judges.age == warm, judges._every(BLOCK_SECONDS))
    return int((found > 0).any(axis=1).sum())


def test_mild_slowness_at_two_requests_a_second_is_taken_back_at_a_look() -> None:
    slow = [stream(seed, slower=1.45) for seed in range(8)]
    without = {"typical_latency": 0.0, "tail_latency": 0.0}
    bets_alone = replace(POLICY, weights={**POLICY.weights, **without})
    found = judge_recordings(slow)
    caught = [r for r in found if r.outcome is Outcome.ROLLBACK]
    assert len(caught) >= 6
    assert len(caught) > sum(
        r.outcome is Outcome.ROLLBACK for r in judge_recordings(slow, bets_alone)
    )
    at = {r.at_tick + 1 for r in caught}
    assert at & set(LOOK_SECONDS)
    assert {r.metrics[0].name for r in caught} <= {"latency_p50", "latency_p90"}
    at_a_look = [r.headline for r in caught if r.at_tick + 1 in LOOK_SECONDS]
    assert all(
        re.search(r"look after (5|10) minutes .* in \d\d of \d\d blocks", h) for h in at_a_look
    )


def test_identical_builds_hardly_ever_lose_a_look() -> None:
    assert wins([stream(seed) for seed in range(100, 400)]) <= 2


def test_what_is_within_the_margin_is_no_harm() -> None:
    assert wins([stream(seed, rate=10, slower=1.05) for seed in range(60)]) == 0


def test_a_slow_start_is_not_held_against_a_build() -> None:
    cold = np.where(np.arange(TICKS) < 150, 3.0, 1.0)
    assert wins([stream(seed, slower=cold) for seed in range(40)]) <= 1


def test_harm_that_comes_after_a_third_of_the_time_is_seen() -> None:
    late = np.where(np.arange(TICKS) < 200, 1.0, 1.8)
    assert wins([stream(seed, slower=late) for seed in range(20)]) >= 18


@pytest.mark.parametrize("slices", [0, 3])
def test_where_stable_is_as_slow_it_is_not_the_build(slices: int) -> None:
    slow = [stream(seed, slower=1.8) for seed in range(6)]
    assert wins([with_stable(s, 1.0, slices) for s in slow]) >= 5
    assert wins([with_stable(s, 1.8, slices) for s in slow]) == 0


def test_a_metric_that_is_ignored_is_not_looked_at() -> None:
    slow = [stream(seed, slower=2.0) for seed in range(4)]
    ignored = replace(POLICY, ignored=("latency_p50", "latency_p90", "latency_p99"))
    assert wins(slow) == 4
    assert not last_look(slow, ignored).is_harmful.any()


def test_the_stake_of_the_looks_is_spent_look_by_look() -> None:
    judges = Judges(shape_of([stream(5)]), POLICY)
    evidence = [judges.feed(tick).tests[0, PLANNED] for tick in ticks_of([stream(5)])]
    assert np.exp(evidence[298]) == pytest.approx([1.0, 1.0])
    assert np.exp(evidence[299]) == pytest.approx([0.9, 0.9])
    assert np.exp(evidence[599]) == pytest.approx([0.2, 0.2])
