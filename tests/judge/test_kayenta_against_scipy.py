"""Kayenta's judge against scipy's rank test and a brute-force inversion of it, sample by sample."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable

import numpy as np
import pytest
from scipy.stats import mannwhitneyu

from davylamp.judge.kayenta import Classification, MetricInput, judge_metric
from davylamp.judge.kayenta.interval import shift_between
from davylamp.judge.kayenta.mann_whitney import rank_test
from davylamp.judge.kayenta.metric import Direction, EffectSize

Draw = Callable[[np.random.Generator, int], np.ndarray]
KINDS: dict[str, Draw] = {
    "normal": lambda rng, n: rng.normal(10, 3, n),
    "heavy tail": lambda rng, n: rng.standard_cauchy(n),
    "latencies": lambda rng, n: rng.lognormal(3, 1, n),
    "counts": lambda rng, n: rng.poisson(4, n).astype(float),
    "mostly zero": lambda rng, n: rng.binomial(1, 0.2, n) * rng.poisson(3, n) / 1.0,
    "percentages": lambda rng, n: np.round(rng.beta(1, 40, n) * 100, 1),
}
TOLERANCE = 1e-3


def pairs(kind: str, tries: int, seed: int, least: int = 2) -> list[tuple[np.ndarray, np.ndarray]]:
    """Experiment and control, each of up to 60 points, with more of the same or none."""
    rng = np.random.default_rng(seed)
    sizes = rng.integers(least, 61, (tries, 2)).tolist()
    return [(KINDS[kind](rng, n) + rng.choice([0, 0, 1, 5]), KINDS[kind](rng, m)) for n, m in sizes]


def scipys(x: np.ndarray, y: np.ndarray, alternative: str = "two-sided") -> np.ndarray:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = mannwhitneyu(x, y, alternative=alternative, method="asymptotic", axis=-1)
    return found.pvalue


@pytest.mark.parametrize("kind", KINDS)
def test_p_values_are_scipys_over_hundreds_of_samples_of_each_kind(kind: str) -> None:
    for x, y in pairs(kind, 350, seed=1):
        theirs = float(scipys(x, y))
        expected = 1.0 if math.isnan(theirs) else min(theirs, 1.0)
        assert rank_test(x, y).p_value() == pytest.approx(expected, rel=1e-9, abs=1e-12)


def crossings(x: np.ndarray, y: np.ndarray, confidence: float) -> tuple[np.ndarray, np.ndarray]:
    """All shifts at which scipy's one-sided test turns, from below and from above.

    Every shift between two neighbours among the differences is tried: z only moves at those.
    """
    steps = np.unique(np.subtract.outer(x, y))
    between = np.concatenate([[steps[0] - 1], (steps[1:] + steps[:-1]) / 2, [steps[-1] + 1]])
    moved = x[None, :] - between[:, None]
    others = np.broadcast_to(y, (len(between), len(y)))
    alpha = (1 - confidence) / 2
    is_below = scipys(moved, others, "greater") < alpha
    is_above = scipys(moved, others, "less") < alpha
    lower = steps[is_below[:-1] & ~is_below[1:]]
    upper = steps[~is_above[:-1] & is_above[1:]]
    return lower, upper


@pytest.mark.parametrize("confidence", [0.95, 0.98])
@pytest.mark.parametrize("kind", KINDS)
def test_interval_ends_are_where_a_brute_force_inversion_finds_them(
    kind: str, confidence: float
) -> None:
    for x, y in pairs(kind, 35, seed=2, least=8):
        if np.ptp(x) == 0 and np.ptp(y) == 0:
            continue
        found = shift_between(x, y, confidence)
        lower, upper = crossings(x, y, confidence)
        reach = x.min() - y.max(), x.max() - y.min()
        assert _is_near(found.lower, [*lower, reach[0]]), (x, y)
        assert _is_near(found.upper, [*upper, reach[1]]), (x, y)


def _is_near(end: float, turns: list[float]) -> bool:
    return min(abs(end - turn) for turn in turns) <= TOLERANCE


@pytest.mark.parametrize("kind", ["normal", "heavy tail", "latencies"])
def test_without_ties_there_is_one_inversion_and_it_is_found(kind: str) -> None:
    for x, y in pairs(kind, 40, seed=3, least=10):
        found = shift_between(x, y, 0.98)
        lower, upper = crossings(x, y, 0.98)
        assert len(lower) == len(upper) == 1
        assert found.lower == pytest.approx(lower[0], abs=TOLERANCE)
        assert found.upper == pytest.approx(upper[0], abs=TOLERANCE)


@pytest.mark.parametrize("kind", KINDS)
def test_the_classification_follows_from_the_brute_force_interval(kind: str) -> None:
    """High, Low or Pass by the tolerance band, wherever its edge isn't met within a thousandth."""
    decided = 0
    for x, y in pairs(kind, 40, seed=4, least=10):
        if np.ptp(x) == 0 and np.ptp(y) == 0:
            continue
        found = judge_metric(MetricInput("m", y.tolist(), x.tolist(), Direction.EITHER))
        lower, upper = crossings(x, y, 0.98)
        if len(lower) != 1 or len(upper) != 1 or np.array_equal(np.sort(x), np.sort(y)):
            continue
        band = 0.25 * abs(found.estimate)
        if min(abs(lower[0] - band), abs(upper[0] + band)) <= TOLERANCE:
            continue
        ratio = x.mean() / y.mean() if x.mean() and y.mean() else math.nan
        is_high = lower[0] > band and not ratio < 1
        is_low = upper[0] < -band and not ratio > 1
        expected = (
            Classification.HIGH
            if is_high
            else Classification.LOW
            if is_low
            else Classification.PASS
        )
        assert found.classification is expected, (x, y)
        decided += 1
    assert decided >= 15


@pytest.mark.parametrize("kind", KINDS)
def test_the_common_language_effect_is_scipys_u_over_all_pairs(kind: str) -> None:
    for x, y in pairs(kind, 80, seed=5):
        metric = MetricInput("m", y.tolist(), x.tolist(), effect_size=EffectSize.CLES)
        found = judge_metric(metric)
        if found.classification is Classification.ERROR or math.isnan(found.effect_size):
            continue
        u = mannwhitneyu(x, y, method="asymptotic").statistic
        assert found.effect_size == pytest.approx(u / (len(x) * len(y)), abs=1e-9)


def test_identical_sides_are_high_about_as_often_as_the_confidence_says() -> None:
    """98 %, both directions, minus what the tolerance band forgives."""
    rng = np.random.default_rng(6)
    said = [
        judge_metric(
            MetricInput("m", rng.normal(10, 1, 30).tolist(), rng.normal(10, 1, 30).tolist())
        )
        for _ in range(300)
    ]
    wrong = sum(m.classification is not Classification.PASS for m in said)
    assert wrong <= 0.04 * 300
