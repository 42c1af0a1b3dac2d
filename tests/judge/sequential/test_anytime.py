"""Intervals that hold at every look at once, and the check values of the mixture behind them."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from davylamp.judge.sample import LATENCY_BOUNDS_MS
from davylamp.judge.sequential.anytime import (
    dirichlet_log_e,
    mean_interval,
    quantile_interval,
    rate_ratio_interval,
    share_interval,
)

counts = st.integers(0, 5000).map(float)
RUNS, LOOKS = 200, 12


@pytest.mark.parametrize(
    ("c", "b", "prior", "e_value"),
    [(10, 0, 1.0, 93.0909), (30, 10, 1.0, 31.6369), (60, 40, 50.0, 1.93265)],
)
def test_the_mixture_agrees_with_the_published_values(
    c: float, b: float, prior: float, e_value: float
) -> None:
    assert math.exp(dirichlet_log_e(c, b, 0.5, prior)) == pytest.approx(e_value, rel=1e-5)


@given(counts, counts, st.floats(0.01, 0.99))
def test_the_mixture_is_the_integral_it_stands_for(c: float, b: float, p: float) -> None:
    from scipy.special import betaln, xlog1py, xlogy

    expected = betaln(1 + c, 1 + b) - xlogy(c, p) - xlog1py(b, -p)
    assert dirichlet_log_e(c, b, p) == pytest.approx(expected, abs=1e-7, rel=1e-9)


@given(counts, counts)
def test_the_interval_of_a_share_holds_the_share_that_was_seen(c: float, b: float) -> None:
    low, high = share_interval(c, b)
    assert 0 <= low <= high <= 1
    if c + b:
        assert low <= c / (c + b) <= high
    for edge, is_inside in ((low, low > 0), (high, high < 1)):
        if is_inside:
            assert dirichlet_log_e(c, b, edge, prior=0.5) == pytest.approx(
                -math.log(0.05), abs=1e-4
            )


@given(counts, counts)
def test_more_of_the_same_narrows_the_interval(c: float, b: float) -> None:
    few, many = share_interval(c, b), share_interval(10 * c, 10 * b)
    assert many[1] - many[0] <= few[1] - few[0] + 1e-9


@given(counts, counts, st.floats(0.1, 1e6), st.floats(0.1, 1e6))
def test_swapping_the_sides_turns_the_ratio_over(
    c: float, b: float, n_c: float, n_b: float
) -> None:
    low, high = rate_ratio_interval(c, b, n_c, n_b)
    back_low, back_high = rate_ratio_interval(b, c, n_b, n_c)
    assert low == pytest.approx(1 / back_high if back_high else math.inf, rel=1e-6)
    assert high == pytest.approx(1 / back_low if back_low else math.inf, rel=1e-6)


def test_without_requests_or_events_nothing_is_said() -> None:
    assert rate_ratio_interval(0, 0, 0, 10) == (0.0, math.inf)
    assert rate_ratio_interval(0, 0, 10, 10) == (0.0, math.inf)
    assert mean_interval(2, 1, 1) == (-math.inf, math.inf)
    nothing = np.zeros(len(LATENCY_BOUNDS_MS) + 1)
    assert quantile_interval(nothing, 0.9, np.array(LATENCY_BOUNDS_MS)) == (0.0, math.inf)


def test_the_ratio_of_rates_is_inside_at_all_looks_in_nineteen_runs_of_twenty() -> None:
    rng = np.random.default_rng(1)
    missed = 0
    for _ in range(RUNS):
        c = np.cumsum(rng.poisson(0.02 * 300, LOOKS))
        b = np.cumsum(rng.poisson(0.01 * 100, LOOKS))
        n = np.arange(1, LOOKS + 1)
        intervals = [
            rate_ratio_interval(*looked)
            for looked in zip(
                c.tolist(), b.tolist(), (300 * n).tolist(), (100 * n).tolist(), strict=True
            )
        ]
        missed += any(not low <= 2.0 <= high for low, high in intervals)
    assert missed <= 0.08 * RUNS


@pytest.mark.parametrize("q", [0.5, 0.9, 0.99])
def test_the_quantile_is_inside_at_all_looks_in_nineteen_runs_of_twenty(q: float) -> None:
    rng, bounds = np.random.default_rng(2), np.array(LATENCY_BOUNDS_MS)
    truth = -20 * math.log(1 - q)
    missed = 0
    for _ in range(RUNS):
        waits = np.searchsorted(bounds, rng.exponential(20, (LOOKS, 80)))
        counts = np.cumsum(
            [np.bincount(row, minlength=len(bounds) + 1) for row in waits], axis=0
        ).astype(float)
        intervals = [quantile_interval(row, q, bounds) for row in counts]
        missed += any(not low <= truth <= high for low, high in intervals)
    assert missed <= 0.08 * RUNS


def test_the_mean_is_inside_at_all_looks_in_nineteen_runs_of_twenty() -> None:
    rng = np.random.default_rng(3)
    values = rng.normal(0.3, 0.5, (1000, 60))
    totals, squares = np.cumsum(values, axis=1), np.cumsum(values**2, axis=1)
    missed = sum(
        any(
            not low <= 0.3 <= high
            for n in range(12, 61, 6)
            for low, high in [mean_interval(n, totals[r, n - 1], squares[r, n - 1])]
        )
        for r in range(1000)
    )
    assert missed <= 0.08 * 1000


@given(st.lists(st.integers(0, 50), min_size=5, max_size=5), st.floats(1, 20))
def test_events_that_cluster_make_a_wider_interval(counts: list[int], dispersion: float) -> None:
    bounds, found = np.array([1.0, 2.0, 4.0, 8.0]), np.array(counts, dtype=float)
    plain = quantile_interval(found, 0.9, bounds)
    wider = quantile_interval(found, 0.9, bounds, dispersion)
    assert wider[0] <= plain[0]
    assert plain[1] <= wider[1]
