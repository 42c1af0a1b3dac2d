"""Is one metric higher, lower, or neither? With the reason."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from davylamp.judge.kayenta.cleaning import without_missing, without_outliers
from davylamp.judge.kayenta.effect import size_of_effect
from davylamp.judge.kayenta.interval import Shift, shift_between
from davylamp.judge.kayenta.metric import (
    Classification,
    Direction,
    MetricInput,
    MetricResult,
    NanStrategy,
    Outliers,
)
from davylamp.judge.kayenta.noise import are_both_constant, shaken
from davylamp.judge.sample import Floats

CONFIDENCE = 0.98
TOLERANCE_BAND = 0.25
"""A shift counts from this share of its own estimate on."""


def judge_metric(metric: MetricInput, confidence: float = CONFIDENCE) -> MetricResult:
    """Classify one metric. Never raises: what cannot be computed is classified `Error`."""
    try:
        with np.errstate(all="ignore"):
            result = _classify(metric, confidence)
    except (ArithmeticError, ValueError, RuntimeError) as error:
        result = MetricResult(metric.name, Classification.ERROR, str(error))
    return replace(result, group=metric.group)


def _classify(metric: MetricInput, confidence: float) -> MetricResult:
    control, experiment = _cleaned(metric)
    if not control.size or not experiment.size:
        return _without_data(metric, not control.size, not experiment.size)
    if np.array_equal(np.sort(control), np.sort(experiment)):
        return _passed(metric, "both sides have the same values")
    if are_both_constant(experiment, control):
        if control[0] == experiment[0]:
            return _passed(metric, "both sides have one and the same value")
        x, y = shaken(experiment, control)
        return _by_shift(metric, shift_between(x, y, confidence), experiment, control)
    return _by_shift(metric, shift_between(experiment, control, confidence), experiment, control)


def _cleaned(metric: MetricInput) -> tuple[Floats, Floats]:
    sides = (without_missing(s, metric.nan_strategy) for s in (metric.control, metric.experiment))
    if metric.outliers is Outliers.REMOVE:
        sides = (without_outliers(s) for s in sides)
    control, experiment = sides
    return control, experiment


def _without_data(metric: MetricInput, no_control: bool, no_experiment: bool) -> MetricResult:
    sides = [s for s, none in (("control", no_control), ("experiment", no_experiment)) if none]
    reason = f"no data of {' and '.join(sides)}"
    if metric.nan_strategy is NanStrategy.REPLACE:
        return _passed(metric, f"{reason}, and missing points count as 0")
    if metric.must_have_data and not metric.critical:
        return MetricResult(metric.name, Classification.NODATA_FAIL, reason)
    return MetricResult(
        metric.name, Classification.NODATA, reason, is_critical_failure=metric.critical
    )


def _passed(metric: MetricInput, reason: str) -> MetricResult:
    return MetricResult(metric.name, Classification.PASS, reason)


def _by_shift(
    metric: MetricInput, shift: Shift, experiment: Floats, control: Floats
) -> MetricResult:
    effect = size_of_effect(metric.effect_size, experiment, control)
    band = TOLERANCE_BAND * abs(shift.estimate)
    classification, is_critical = Classification.PASS, False
    if _is_high(metric, shift, band, effect):
        classification = Classification.HIGH
        is_critical = _reaches(effect, metric.bound(metric.critical_increase))
    elif _is_low(metric, shift, band, effect):
        classification = Classification.LOW
        is_critical = _falls_to(effect, metric.bound(metric.critical_decrease))
    return MetricResult(
        metric.name,
        classification,
        _reason(classification, shift, band, effect),
        shift.lower,
        shift.upper,
        shift.estimate,
        effect,
        is_critical_failure=metric.critical and is_critical,
    )


def _is_high(metric: MetricInput, shift: Shift, band: float, effect: float) -> bool:
    return (
        metric.direction in (Direction.INCREASE, Direction.EITHER)
        and shift.lower > band
        and _reaches(effect, metric.bound(metric.allowed_increase))
    )


def _is_low(metric: MetricInput, shift: Shift, band: float, effect: float) -> bool:
    return (
        metric.direction in (Direction.DECREASE, Direction.EITHER)
        and shift.upper < -band
        and _falls_to(effect, metric.bound(metric.allowed_decrease))
    )


def _reaches(effect: float, bound: float) -> bool:
    """An effect that has no size never saves a metric."""
    return math.isnan(effect) or effect >= bound


def _falls_to(effect: float, bound: float) -> bool:
    return math.isnan(effect) or effect <= bound


def _reason(found: Classification, shift: Shift, band: float, effect: float) -> str:
    size = "none" if math.isnan(effect) else f"{effect:.4g}"
    numbers = (
        f"the shift is between {shift.lower:.6g} and {shift.upper:.6g} "
        f"(estimate {shift.estimate:.6g}, tolerance ±{band:.4g}), effect size {size}"
    )
    said = {Classification.HIGH: "higher", Classification.LOW: "lower"}.get(found)
    return f"{said}: {numbers}" if said else f"not shown to be worse: {numbers}"
