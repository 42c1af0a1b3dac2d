"""The signed-rank test, against scipy's."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import wilcoxon

from davylamp.judge.sequential.signed_rank import log_p


@pytest.mark.parametrize("shift", [-0.5, 0.0, 0.5, 2.0])
@pytest.mark.parametrize("n", [8, 20, 60])
def test_it_agrees_with_scipy_where_scipy_approximates(n: int, shift: float) -> None:
    rng = np.random.default_rng(n)
    columns = rng.standard_t(2, (n, 40)) + shift
    expected = wilcoxon(columns, alternative="greater", method="approx", correction=True).pvalue
    assert np.exp(log_p(columns)) == pytest.approx(expected, rel=1e-6)


def test_it_claims_no_more_than_the_exact_test_does() -> None:
    rng = np.random.default_rng(1)
    columns = np.abs(rng.normal(size=(10, 50)))
    exact = wilcoxon(columns, alternative="greater", method="exact").pvalue
    assert (np.exp(log_p(columns)) >= exact).all()


def test_what_is_not_known_is_left_out() -> None:
    rng = np.random.default_rng(2)
    whole = rng.normal(0.3, 1, (30, 4))
    holed = np.full((50, 4), np.nan)
    holed[::2][:25], holed[1:10:2] = whole[:25], whole[25:]
    assert log_p(holed) == pytest.approx(log_p(whole))
    assert log_p(np.full((20, 3), np.nan)) == pytest.approx(np.log(0.5))


@given(st.lists(st.floats(-1e3, 1e3), min_size=1, max_size=40), st.floats(0, 1e3))
def test_the_larger_the_differences_the_smaller_the_chance(d: list[float], more: float) -> None:
    usual = np.array(d)[:, None]
    assert log_p(usual + more)[0] <= log_p(usual)[0] + 1e-9


def test_one_long_pause_counts_as_one_block() -> None:
    calm = np.array([*[-0.1, 0.1] * 10, 0.1])[:, None]
    pause = calm.copy()
    pause[-1] = 1e6
    assert log_p(pause)[0] > np.log(0.2)
