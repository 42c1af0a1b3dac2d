"""Harm to both sides alike: locks that come and go, weather that comes and goes."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from davylamp.judge.recording import Recording, series_from
from davylamp.judge.sample import Floats, Series
from davylamp.judge.sequential.policy import SequentialPolicy
from davylamp.judge.sequential.shared import SharedDistress
from davylamp.judge.sequential.stack import ticks_of

BOUNDS = (10.0, 20.0, 50.0, 100.0, 200.0, 500.0, 1000.0)
TICKS, RATE = 600, 20.0
POLICY = SequentialPolicy()
Bad = Callable[[Floats], Floats]


def side(rng: np.random.Generator, bad: Floats, fails: float, crawls: float) -> Series:
    """`bad` (T,) of 0 and 1: seconds in which a share fails, and a share takes half a second."""
    n = rng.poisson(RATE, TICKS).astype(float)
    slow = rng.binomial(n.astype(int), crawls * bad).astype(float)
    counts = np.zeros((TICKS, len(BOUNDS) + 1))
    counts[:, 1], counts[:, 6] = n - slow, slow
    failed = rng.binomial(n.astype(int), fails * bad).astype(float)
    return series_from(completed=n, failed=failed, latency=counts)


def goes_back(bad: Floats, *, fails: float = 0.0, crawls: float = 0.0, both: bool = True) -> bool:
    rng = np.random.default_rng(7)
    canary = side(rng, bad, fails, crawls)
    baseline = side(rng, bad if both else 0 * bad, fails, crawls)
    some = [Recording("x", 1.0, BOUNDS, canary, baseline)]
    distress = SharedDistress.fresh(1, len(BOUNDS) + 1)
    worst = 0.0
    for t, tick in enumerate(ticks_of(some)):
        distress.feed(tick, np.array([t % 10 == 9]), np.array(BOUNDS), POLICY)
        worst = max(worst, float(distress.blocks[0]))
    return worst >= POLICY.shared_blocks


def of_every(bad_seconds: int, seconds: int, since: int = 100) -> Floats:
    """So many bad seconds at the beginning of each so many, from a second on."""
    t = np.arange(TICKS)
    return ((t >= since) & (t % seconds < bad_seconds)).astype(float)


@pytest.mark.parametrize("harm", [{"fails": 0.04}, {"crawls": 0.3}, {"fails": 0.5}])
def test_harm_to_both_that_stays_takes_the_newcomer_back(harm: dict[str, float]) -> None:
    assert goes_back(of_every(600, 600), **harm)


@pytest.mark.parametrize("harm", [{"fails": 0.08}, {"crawls": 0.4}])
def test_a_lock_that_is_there_half_of_the_time_is_seen(harm: dict[str, float]) -> None:
    assert goes_back(of_every(10, 20), **harm)


@pytest.mark.parametrize("harm", [{"fails": 0.2}, {"crawls": 0.6}])
def test_weather_of_a_minute_in_four_is_waited_for(harm: dict[str, float]) -> None:
    assert not goes_back(of_every(60, 240), **harm)


def test_what_is_usual_for_the_baseline_is_no_distress() -> None:
    assert not goes_back(of_every(600, 600, since=0), fails=0.03)
    assert not goes_back(of_every(2, 10, since=0), crawls=0.3)


def test_little_is_no_distress() -> None:
    assert not goes_back(of_every(600, 600), fails=0.005)
    assert not goes_back(of_every(600, 600), crawls=0.05)


def test_harm_to_the_candidate_alone_is_not_shared() -> None:
    assert not goes_back(of_every(600, 600), fails=0.3, both=False)
