"""The rank test against scipy's, and what must not change its answers."""

from __future__ import annotations

import math
import warnings

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy.stats import mannwhitneyu, norm

from davylamp.judge.kayenta import Classification, MetricInput, judge_metric
from davylamp.judge.kayenta.interval import shift_between
from davylamp.judge.kayenta.mann_whitney import rank_test
from davylamp.judge.kayenta.metric import Direction

small_whole = st.lists(st.integers(-20, 20).map(float), min_size=2, max_size=40)
ten_or_more = st.lists(st.integers(-20, 20).map(float), min_size=10, max_size=40)
reals = st.lists(st.floats(-1e6, 1e6, allow_subnormal=False), min_size=2, max_size=40)
samples = st.one_of(small_whole, reals)
anything = st.lists(st.floats(allow_nan=True, allow_infinity=True), max_size=12)
MIRRORED = {"High": "Low", "Low": "High"}


@given(samples, samples)
def test_p_values_agree_with_scipy(x: list[float], y: list[float]) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = mannwhitneyu(x, y, use_continuity=True, method="asymptotic").pvalue
    ours = rank_test(np.array(x), np.array(y)).p_value()
    assert ours == pytest.approx(1.0 if math.isnan(theirs) else theirs, abs=1e-12, rel=1e-9)


@given(ten_or_more, ten_or_more, st.sampled_from([0.9, 0.95, 0.98]))
def test_the_interval_excludes_zero_exactly_when_scipy_rejects(
    x: list[float], y: list[float], confidence: float
) -> None:
    """Whole numbers: every step of U lies far from zero compared with the root's tolerance.

    With fewer points the interval is clamped to the samples' reach, and may leave zero out
    without any test rejecting it.
    """
    assume(np.ptp(x) > 0 or np.ptp(y) > 0)
    p = mannwhitneyu(x, y, use_continuity=True, method="asymptotic").pvalue
    assume(abs(p - (1 - confidence)) > 1e-9)
    shift = shift_between(np.array(x), np.array(y), confidence)
    if shift.lower > 2e-4 or shift.upper < -2e-4:
        assert p < 1 - confidence
    if p > 1 - confidence:
        assert shift.lower <= 2e-4
        assert shift.upper >= -2e-4


@given(small_whole, small_whole)
def test_swapping_the_sides_mirrors_the_interval(x: list[float], y: list[float]) -> None:
    assume(np.ptp(x) > 0 or np.ptp(y) > 0)
    there = shift_between(np.array(x), np.array(y), 0.98)
    back = shift_between(np.array(y), np.array(x), 0.98)
    assert there.lower == pytest.approx(-back.upper, abs=5e-4)
    assert there.upper == pytest.approx(-back.lower, abs=5e-4)


@given(st.integers(0, 2**32 - 1), st.floats(-3, 3))
def test_swapping_the_sides_mirrors_the_classification(seed: int, shift: float) -> None:
    rng = np.random.default_rng(seed)
    y = rng.normal(10, 1, 30)
    x = rng.normal(10 + shift, 1, 30)
    there = judge_metric(MetricInput("m", y.tolist(), x.tolist()))
    back = judge_metric(MetricInput("m", x.tolist(), y.tolist()))
    band = 0.25 * abs(there.estimate)
    assume(all(abs(abs(edge) - band) > 1e-3 for edge in (there.lower, there.upper)))
    said = str(there.classification)
    assert back.classification == MIRRORED.get(said, said)


@given(small_whole, small_whole, st.integers(-1000, 1000))
def test_moving_both_sides_leaves_the_interval_alone(
    x: list[float], y: list[float], moved: int
) -> None:
    assume(np.ptp(x) > 0 or np.ptp(y) > 0)
    here = shift_between(np.array(x), np.array(y), 0.98)
    there = shift_between(np.array(x) + moved, np.array(y) + moved, 0.98)
    assert (here.lower, here.upper) == pytest.approx((there.lower, there.upper), abs=5e-4)


@given(samples, samples, st.randoms())
def test_the_order_of_the_points_does_not_matter(x: list[float], y: list[float], chance) -> None:
    before = judge_metric(MetricInput("m", y, x))
    chance.shuffle(x)
    chance.shuffle(y)
    after = judge_metric(MetricInput("m", y, x))
    assert before.classification == after.classification


@given(samples, samples)
def test_the_interval_holds_its_estimate_and_stays_within_reach(
    x: list[float], y: list[float]
) -> None:
    assume(np.ptp(x) > 0 or np.ptp(y) > 0)
    found = shift_between(np.array(x), np.array(y), 0.98)
    assert min(x) - max(y) <= found.lower <= found.upper + 5e-4
    assert found.upper <= max(x) - min(y)
    assert found.lower - 5e-4 <= found.estimate <= found.upper + 5e-4


@given(anything, anything, st.sampled_from(list(Direction)))
def test_any_input_at_all_gets_a_classification(
    x: list[float], y: list[float], direction: Direction
) -> None:
    found = judge_metric(MetricInput("m", y, x, direction))
    assert found.classification in list(Classification)
    assert found.reason


@settings(deadline=None)
@given(st.integers(0, 1000))
def test_z_falls_as_the_shift_grows(seed: int) -> None:
    rng = np.random.default_rng(seed)
    test = rank_test(rng.integers(0, 9, 15).astype(float), rng.integers(0, 9, 12).astype(float))
    shifts = np.linspace(-12, 12, 97)
    found = [test.z(float(s), corrected=False) for s in shifts]
    distances = np.sign(np.nan_to_num(found))
    assert (np.diff(distances) <= 0).all()


def test_a_tenth_more_is_found_when_there_are_points_enough() -> None:
    rng = np.random.default_rng(5)
    control, experiment = rng.normal(100, 10, 600), rng.normal(110, 10, 600)
    assert judge_metric(MetricInput("m", control, experiment)).classification == "High"
    assert norm.isf(0.01) == pytest.approx(2.326, abs=1e-3)
