"""Under the null, at its very edge, evidence of 100 is seen in about one run of a hundred, ever.

Independent events at exactly the margin, seeded. A bound of 1 % allows 1.5 % of 2,000 by chance.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from davylamp.judge.sequential import resources
from davylamp.judge.sequential.betting import BETS, safe_bets, share_bets, sign_bets
from davylamp.judge.sequential.policy import SequentialPolicy
from davylamp.judge.sequential.requests import (
    ALONE_NULL,
    ALONE_RATES,
    COMPLETION_FACTORS,
    ERROR_FACTORS,
    ERROR_RATES,
    GROSS_FACTORS,
    GROSS_RATES,
    SLOW_FACTORS,
)
from davylamp.judge.sequential.resources import BAD_LUCK, RESTART_RATES
from davylamp.judge.sequential.restarts import Restarting, start_weight
from davylamp.judge.sequential.share_test import (
    Events,
    rate_increment,
    share_increment,
    tempered,
)

POLICY = SequentialPolicy()
RUNS, TICKS = 2000, 200
ALARM = np.log(100.0)
MOST = 0.015
Increments = Callable[[np.random.Generator], np.ndarray]
"""What a tick adds to each run's channels: (RUNS, channels)."""


def highest(increments: Increments, seed: int, every: int = 1) -> np.ndarray:
    """(RUNS,): the largest evidence each run ever shows, with restarts as the judge makes them."""
    rng = np.random.default_rng(seed)
    first = increments(rng)
    process = Restarting.fresh(first.shape)
    share = -np.log(first.shape[1])
    found = np.full(RUNS, -np.inf)
    for age in range(1, TICKS + 1):
        starts = np.array(age % every == 0 and age > 1)
        weight = start_weight(np.array(age), np.array(float(every)), POLICY.horizon_seconds)
        process.feed(first if age == 1 else increments(rng), weight, starts)
        found = np.maximum(found, np.logaddexp.reduce(process.log_e() + share, axis=1))
    return found


def alarms(increments: Increments, seed: int, every: int = 1) -> float:
    return float((highest(increments, seed, every) >= ALARM).mean())


def pair(rng: np.random.Generator, ratio: float, base: float, n_c: float, n_b: float) -> Events:
    """Poisson events: the candidate's rate is exactly `ratio` times the baseline's."""
    return Events(
        rng.poisson(ratio * base * n_c, RUNS).astype(float),
        rng.poisson(base * n_b, RUNS).astype(float),
        np.full(RUNS, n_c),
        np.full(RUNS, n_b),
    )


LOADS = [(0.002, 20.0, 20.0), (0.05, 100.0, 20.0), (0.2, 10.0, 90.0)]
ONE = np.ones(RUNS)


@pytest.mark.parametrize("load", LOADS)
@pytest.mark.parametrize(
    ("margin", "factors", "cap"),
    [
        (POLICY.error_ratio, ERROR_FACTORS, POLICY.error_cap),
        (POLICY.gross_ratio, GROSS_FACTORS, POLICY.gross_cap),
        (1.0, SLOW_FACTORS, 2.0),
    ],
)
def test_likelihood_ratios_of_the_share_keep_their_level(
    margin: float, factors: np.ndarray, cap: float, load: tuple[float, float, float]
) -> None:
    def increments(rng: np.random.Generator) -> np.ndarray:
        events = pair(rng, margin, *load)
        few = tempered(events, ONE, 10.0)
        return share_increment(events, margin * ONE, factors, few, cap)

    assert alarms(increments, seed=1) <= MOST


def test_completions_keep_their_level_when_half_as_many_complete() -> None:
    """The null of a hang: the candidate completes at half the baseline's rate, or more."""

    def increments(rng: np.random.Generator) -> np.ndarray:
        n = np.full(RUNS, 30.0)
        half = rng.poisson(POLICY.completion_odds * n).astype(float)
        events = Events(half, rng.poisson(n).astype(float), n, n)
        margin = POLICY.completion_odds * ONE
        cap = POLICY.completion_cap
        return share_increment(events, margin, COMPLETION_FACTORS, tempered(events, ONE, 40.0), cap)

    assert alarms(increments, seed=2) <= MOST


@pytest.mark.parametrize("load", LOADS)
@pytest.mark.parametrize("margin", [1.0, POLICY.error_ratio, 3.0])
def test_bets_on_the_share_keep_their_level(
    margin: float, load: tuple[float, float, float]
) -> None:
    def increments(rng: np.random.Generator) -> np.ndarray:
        return share_bets(pair(rng, margin, *load), margin * ONE, BETS)

    assert alarms(increments, seed=3, every=5) <= MOST


@pytest.mark.parametrize("requests", [3, 40, 500])
@pytest.mark.parametrize(
    ("null", "rates", "cap"),
    [
        (POLICY.error_rate, ERROR_RATES, POLICY.error_cap),
        (POLICY.gross_rate, GROSS_RATES, POLICY.gross_cap),
        (ALONE_NULL, ALONE_RATES, POLICY.gross_cap),
    ],
)
def test_rates_in_themselves_keep_their_level(
    null: float, rates: np.ndarray, cap: float, requests: int
) -> None:
    def increments(rng: np.random.Generator) -> np.ndarray:
        n = np.full(RUNS, float(requests))
        return rate_increment(rng.binomial(requests, null, RUNS) * ONE, n, null, rates, ONE, cap)

    assert alarms(increments, seed=4) <= MOST


@pytest.mark.parametrize(
    "name", ["client_error_rate", "hanging", "cpu_per_request", "memory_bytes"]
)
def test_questions_of_yes_or_no_keep_their_level(name: str) -> None:
    null, alternatives = resources._SIGNS[name]

    def increments(rng: np.random.Generator) -> np.ndarray:
        return sign_bets((rng.random(RUNS) < null) * ONE, ONE, null, alternatives)

    assert alarms(increments, seed=5) <= MOST


def test_restarts_by_bad_luck_keep_their_level() -> None:
    def increments(rng: np.random.Generator) -> np.ndarray:
        restarts = np.minimum(rng.poisson(BAD_LUCK, RUNS), 3.0)
        more = restarts[:, None] * np.log(RESTART_RATES / BAD_LUCK)
        return np.minimum(more, 4.0) - (RESTART_RATES - BAD_LUCK)

    assert alarms(increments, seed=6, every=5) <= MOST


@pytest.mark.parametrize("load", LOADS)
def test_what_is_harmful_is_hardly_ever_shown_harmless(load: tuple[float, float, float]) -> None:
    """At three times the baseline's rate, and slow answers as many: 20 is seen once in twenty."""
    factors = np.array([0.8, 0.5, 0.25, 0.1])
    totals = {"ratio": np.zeros((RUNS, 4)), "bets": np.zeros((RUNS, len(BETS)))}
    highest = dict.fromkeys(totals, np.full(RUNS, -np.inf))
    rng = np.random.default_rng(7)
    for _ in range(TICKS):
        events, slow = pair(rng, 3.0, *load), pair(rng, 1.0, *load)
        totals["ratio"] += share_increment(events, 3.0 * ONE, factors, ONE, 1.0)
        totals["bets"] += safe_bets(slow, ONE, BETS)
        for name, total in totals.items():
            e = np.logaddexp.reduce(total, axis=1) - np.log(total.shape[1])
            highest[name] = np.maximum(highest[name], e)
    for name, found in highest.items():
        assert (found >= np.log(POLICY.safe_evidence)).mean() <= 0.06, name


@pytest.mark.parametrize("every", [1, 5, 20])
def test_the_weights_of_all_restarts_together_are_at_most_one(every: int) -> None:
    ages = np.arange(every, 200_000, every)
    total = np.exp(start_weight(ages, np.array(float(every)), 300.0)).sum()
    assert 0.8 < total <= 1.0


def test_a_long_clean_past_costs_little_of_the_evidence() -> None:
    def evidence(clean: int) -> float:
        process = Restarting.fresh((1, 1))
        for age in range(1, clean + 11):
            gain = np.full((1, 1), 2.0 if age > clean else -0.5)
            weight = start_weight(np.array(age), np.array(1.0), 300.0)
            process.feed(gain, weight, np.array(age > 1))
        return float(process.log_e()[0, 0])

    at_once, later = evidence(0), evidence(1000)
    assert at_once == pytest.approx(20 - np.log(2), abs=0.2)
    assert at_once - later < 9
    assert evidence(10_000) > np.log(100)
