"""The check values of the judge: an independent implementation must agree with them."""

from __future__ import annotations

import numpy as np
import pytest

from davylamp.judge.kayenta import Classification, MetricInput, MetricResult, judge_metric
from davylamp.judge.kayenta.interval import shift_between
from davylamp.judge.kayenta.metric import EffectSize, NanStrategy
from davylamp.judge.kayenta.score import score_metrics

LOW = [1.0, 2.2, 1.1, 2.5, 3.0]
TWENTIES = [20.0, 22.0, 21.0, 25.0, 30.0]


def result(name: str, said: Classification, group: str = "") -> MetricResult:
    return MetricResult(name, said, "", group=group)


def test_a_clear_rise_is_high_with_its_interval_and_effect() -> None:
    found = judge_metric(MetricInput("m", LOW, TWENTIES), confidence=0.95)
    assert found.classification is Classification.HIGH
    assert found.lower == pytest.approx(17.800044, abs=1e-6)
    assert found.upper == pytest.approx(27.799943, abs=1e-6)
    assert found.estimate == pytest.approx(20, abs=1e-6)
    assert found.effect_size == pytest.approx(12.0408, abs=1e-4)


def test_a_fall_whose_interval_reaches_above_zero_passes() -> None:
    metric = MetricInput(
        "m", TWENTIES, [10, 12.2, 10.1, 12.5, 23], allowed_decrease=0.5, allowed_increase=1.0
    )
    found = judge_metric(metric, confidence=0.95)
    assert found.classification is Classification.PASS
    assert found.lower == pytest.approx(-17.799962, abs=1e-6)
    assert found.upper == pytest.approx(0.999948, abs=1e-6)


def test_two_constant_sides_that_differ_are_high_and_the_same_twice() -> None:
    first = judge_metric(MetricInput("m", [1.0] * 5, [10.0] * 5))
    assert first.classification is Classification.HIGH
    assert first == judge_metric(MetricInput("m", [1.0] * 5, [10.0] * 5))


@pytest.mark.parametrize("experiment", [[], [1.0], [1.0, 2.0, 3.0]])
def test_no_control_at_all_is_nodata(experiment: list[float]) -> None:
    assert judge_metric(MetricInput("m", [], experiment)).classification is Classification.NODATA


def test_the_raw_interval_is_clamped_to_what_the_samples_allow() -> None:
    x, y = np.array([10.0, 20, 30, 40]), np.array([1.0, 2, 3, 4])
    shift = shift_between(x, y, 0.98)
    assert (shift.lower, shift.upper) == (6.0, 39.0)
    assert shift.estimate == pytest.approx(22.5, abs=1e-4)


def test_one_pass_of_three_scores_a_third() -> None:
    said = (Classification.PASS, Classification.HIGH, Classification.LOW)
    assert score_metrics([result("m", c) for c in said]) == pytest.approx(33.33, abs=0.01)


def test_groups_are_weighted() -> None:
    first = [Classification.PASS, Classification.HIGH, Classification.LOW]
    metrics = [result("m", c, "a") for c in first] + [result("m", Classification.HIGH, "b")]
    assert score_metrics(metrics, {"a": 15, "b": 85}) == pytest.approx(5.0)


def test_groups_without_a_weight_share_what_is_left() -> None:
    metrics = [
        result("m", Classification.PASS, "a"),
        result("m", Classification.HIGH, "b"),
        result("m", Classification.PASS, "c"),
    ]
    assert score_metrics(metrics, {"a": 40}) == pytest.approx(40 + 30)


def test_a_group_in_which_nothing_counts_scores_100() -> None:
    metrics = [
        result("m", Classification.NODATA, "a"),
        result("m", Classification.HIGH, "b"),
        result("m", Classification.HIGH, "b"),
    ]
    assert score_metrics(metrics, {"a": 30, "b": 70}) == pytest.approx(30.0)


def test_no_data_on_half_of_the_metrics_scores_zero() -> None:
    half = [result("m", Classification.PASS), result("m", Classification.NODATA)]
    assert score_metrics(half) == 0
    assert score_metrics([*half, result("m", Classification.PASS)]) == 100


def test_a_metric_that_must_have_data_and_has_none_counts_against() -> None:
    metrics = [result("m", Classification.PASS)] * 3 + [result("m", Classification.NODATA_FAIL)]
    assert score_metrics(metrics) == 75


def test_an_error_counts_neither_way_in_the_score() -> None:
    metrics = [result("m", Classification.PASS), result("m", Classification.ERROR)]
    assert score_metrics(metrics) == 100


def test_cles_is_the_chance_that_the_experiment_is_larger() -> None:
    metric = MetricInput("m", [1, 2, 3, 4], [2, 3, 4, 5], effect_size=EffectSize.CLES)
    assert judge_metric(metric).effect_size == pytest.approx(11.5 / 16)


def test_an_allowed_increase_saves_a_metric_and_a_missing_effect_never_does() -> None:
    zeros, ones = [0.0] * 30, [1.0, 1.1] * 15
    allowed = MetricInput("m", [2 * v for v in ones], [2.2 * v for v in ones], allowed_increase=2)
    assert judge_metric(allowed).classification is Classification.PASS
    nothing = MetricInput("m", zeros, ones, allowed_increase=1000)
    assert judge_metric(nothing).classification is Classification.HIGH


def test_an_effect_of_exactly_the_bound_is_no_longer_allowed() -> None:
    control = [1.0, 2, 3, 4, 5] * 4
    metric = MetricInput("m", control, [4 * v for v in control], allowed_increase=4)
    assert judge_metric(metric).classification is Classification.HIGH


@pytest.mark.parametrize(
    ("direction", "said"), [("increase", "Pass"), ("decrease", "Low"), ("either", "Low")]
)
def test_only_the_bad_direction_counts(direction: str, said: str) -> None:
    from davylamp.judge.kayenta.metric import Direction

    metric = MetricInput("m", TWENTIES * 2, LOW * 2, Direction(direction))
    assert judge_metric(metric).classification == said


def test_missing_points_are_left_out_or_count_as_zero() -> None:
    nan = float("nan")
    metric = MetricInput("m", [nan, *LOW], [*TWENTIES, nan])
    assert judge_metric(metric, 0.95).lower == pytest.approx(17.800044, abs=1e-6)
    all_missing = MetricInput("m", [nan] * 5, [nan] * 3, nan_strategy=NanStrategy.REPLACE)
    assert judge_metric(all_missing).classification is Classification.PASS


def test_an_empty_side_passes_where_missing_points_count_as_zero() -> None:
    metric = MetricInput("m", [], LOW, nan_strategy=NanStrategy.REPLACE, must_have_data=True)
    assert judge_metric(metric).classification is Classification.PASS


def test_a_single_value_on_both_sides_passes_whatever_the_lengths() -> None:
    assert judge_metric(MetricInput("m", [3.0] * 4, [3.0] * 9)).classification == "Pass"


def test_one_point_against_another_is_an_error_and_not_a_verdict() -> None:
    found = judge_metric(MetricInput("m", [1.0], [5.0]))
    assert found.classification is Classification.ERROR
    assert "tied" in found.reason


def test_outliers_beyond_the_fence_are_removed_when_asked() -> None:
    from davylamp.judge.kayenta.cleaning import without_outliers

    values = np.array([*range(1000), 1e6], dtype=float)
    assert without_outliers(values).max() < 1e6
    assert without_outliers(np.array([1.0, 2, 3])).tolist() == [1, 2, 3]
    assert without_outliers(np.array([])).size == 0


@pytest.mark.parametrize(("critical", "said"), [(False, "NodataFailMetric"), (True, "Nodata")])
def test_must_have_data_fails_unless_the_metric_is_critical_anyway(
    critical: bool, said: str
) -> None:
    found = judge_metric(MetricInput("m", LOW, [], must_have_data=True, critical=critical))
    assert found.classification == said
    assert found.is_critical_failure is critical


def test_a_critical_failure_makes_the_whole_score_zero() -> None:
    good = [judge_metric(MetricInput(f"g{i}", LOW, LOW)) for i in range(9)]
    bad = judge_metric(MetricInput("bad", LOW, TWENTIES, critical=True), 0.95)
    assert bad.is_critical_failure
    assert score_metrics([*good, bad]) == 0


def test_a_critical_metric_high_but_within_its_critical_bound_only_fails_itself() -> None:
    metric = MetricInput("m", LOW, TWENTIES, critical=True, critical_increase=20)
    found = judge_metric(metric, 0.95)
    assert found.classification is Classification.HIGH
    assert not found.is_critical_failure
