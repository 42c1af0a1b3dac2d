"""Named metrics before the judge: identical builds left alone, harm found, nothing guessed."""

from __future__ import annotations

import math
import re
from dataclasses import replace

import numpy as np
import pytest

from davylamp.judge.named_metrics import (
    Direction,
    GaugeReading,
    MetricKind,
    NamedReading,
    NamedRule,
    NamedTick,
    RatioReading,
)
from davylamp.judge.sample import Role
from davylamp.judge.sequential.named import NamedJudge
from davylamp.judge.sequential.named_words import named_metrics_of
from davylamp.judge.sequential.policy import SequentialPolicy
from tests.judge.named_made import (
    BEGAN,
    Noise,
    Stream,
    drifting,
    gauge_stream,
    histogram_stream,
    ratio_stream,
    shared_swing,
    ticks_of,
)

POLICY = SequentialPolicy()
ALARM, PROOF = -math.log(POLICY.alpha), math.log(POLICY.safe_evidence)
RATIO = NamedRule("orders_failed", MetricKind.COUNTER_RATIO, critical=True)
GAUGE = NamedRule("queue", MetricKind.GAUGE, critical=True)
HISTOGRAM = NamedRule("checkout_seconds", MetricKind.HISTOGRAM, critical=True)
DOWN, EITHER = Direction.DOWN, Direction.EITHER
INDEPENDENT = Noise()
SCRAPE = 5
"""Seconds between readings where a test has many streams."""


def judged(rule: NamedRule, sides: dict[Role, Stream], every: int = 1) -> tuple[float, NamedJudge]:
    """The most evidence there ever was, its other part being requests without any; the judge."""
    judge = NamedJudge([rule], POLICY)
    judge.begin(BEGAN)
    most = -math.inf
    for tick in ticks_of(rule.name, sides, lambda t: t % every == 0):
        if tick.of:
            judge.feed(tick)
            most = max(most, judge.log_harm(0.0))
    return most, judge


def ratios(
    rates: tuple[float, float],
    rule: NamedRule = RATIO,
    *,
    seed: int = 1,
    seconds: int = 300,
    per_second: float = 50,
    noise: Noise = INDEPENDENT,
    every: int = 1,
) -> tuple[float, NamedJudge]:
    rng = np.random.default_rng(seed)
    swing = shared_swing(rng, seconds, noise)
    mine, theirs = (ratio_stream(rng, rate * swing, per_second, noise) for rate in rates)
    return judged(rule, {Role.CANDIDATE: mine, Role.BASELINE: theirs}, every)


def gauges(
    levels: tuple[float, float], rule: NamedRule = GAUGE, *, seed: int = 1, memory: float = 5
) -> tuple[float, NamedJudge]:
    rng = np.random.default_rng(seed)
    mine, theirs = (gauge_stream(drifting(rng, 400, level, memory)) for level in levels)
    return judged(rule, {Role.CANDIDATE: mine, Role.BASELINE: theirs}, 2)


def histograms(
    medians: tuple[float, float], rule: NamedRule = HISTOGRAM, *, seed: int = 1, every: int = 1
) -> tuple[float, NamedJudge]:
    rng = np.random.default_rng(seed)
    mine, theirs = (histogram_stream(rng, 300, median, 20) for median in medians)
    return judged(rule, {Role.CANDIDATE: mine, Role.BASELINE: theirs}, every)


NOISES = {
    "independent": INDEPENDENT,
    "clustered": Noise(cluster=8),
    "shared bursts": Noise(swing=10),
    "copies differ": Noise(spread=0.05),
    "all of it": Noise(8, 10, 0.05),
}


@pytest.mark.parametrize("noise", NOISES)
def test_identical_noisy_counters_are_never_an_alarm(noise: str) -> None:
    most = [
        ratios((rate, rate), rule, seed=seed, seconds=600, noise=NOISES[noise], every=SCRAPE)[0]
        for seed in range(24)
        for rule in [replace(RATIO, direction=EITHER) if seed % 4 == 0 else RATIO]
        for rate in (0.005, 0.1)
    ]
    assert len(most) * len(NOISES) >= 240
    assert max(most) < ALARM


@pytest.mark.parametrize("memory", [1, 20])
def test_identical_gauges_that_wander_are_never_an_alarm(memory: float) -> None:
    assert max(gauges((10, 10), seed=seed, memory=memory)[0] for seed in range(20)) < ALARM


def test_identical_histograms_are_never_an_alarm() -> None:
    found = [histograms((0.2, 0.2), seed=seed, every=SCRAPE)[0] for seed in range(20)]
    assert max(found) < ALARM


@pytest.mark.parametrize("seed", range(3))
def test_more_failing_orders_are_found_and_told_with_both_figures(seed: int) -> None:
    most, judge = ratios((0.041, 0.005), seed=seed)
    assert most >= ALARM
    (metric,) = named_metrics_of(judge, BEGAN + 300)
    wanted = (
        r"orders_failed: [34]\.\d % on the candidate \(of 1\d,\d{3}\), 0\.\d+ % on the baseline "
        r"\(of 1\d,\d{3}\); 95 % interval of the ratio [\d.]+–[\d.]+; margin 1\.25"
    )
    assert re.fullmatch(wanted, metric.says), metric.says
    assert metric.lower is not None
    assert metric.lower > 1.25
    assert any("harmlessness is not shown" in said for said in judge.vetoes(BEGAN + 300))


def test_harm_lies_where_the_direction_says() -> None:
    fewer, more = (0.2, 0.5), (0.5, 0.2)
    for direction, alarms in {DOWN: fewer, Direction.UP: more}.items():
        rule = replace(RATIO, direction=direction)
        assert ratios(alarms, rule)[0] >= ALARM
        assert ratios(alarms[::-1], rule)[0] < ALARM
    for rates in (fewer, more):
        assert ratios(rates, replace(RATIO, direction=EITHER))[0] >= ALARM


def test_within_its_margin_nothing_is_held_against_a_candidate() -> None:
    assert ratios((0.2, 0.1))[0] >= ALARM
    most, judge = ratios((0.2, 0.1), replace(RATIO, margin=2.5))
    assert most < ALARM
    assert judge.vetoes(BEGAN + 300) == ()


@pytest.mark.parametrize(("levels", "direction"), [((25, 10), "up"), ((10, 25), "down")])
def test_a_level_that_is_off_is_found(levels: tuple[float, float], direction: str) -> None:
    rule = replace(GAUGE, direction=Direction(direction))
    assert gauges(levels, rule)[0] >= ALARM
    assert gauges(levels[::-1], rule)[0] < ALARM
    assert gauges(levels, replace(GAUGE, direction=EITHER))[0] >= ALARM


def test_a_level_below_zero_has_a_margin_too() -> None:
    def stream(level: float) -> Stream:
        return gauge_stream(np.full(400, level))

    rule = replace(GAUGE, margin=1.25)
    same = judged(rule, {Role.CANDIDATE: stream(-11.0), Role.BASELINE: stream(-10.0)})
    worse = judged(rule, {Role.CANDIDATE: stream(-5.0), Role.BASELINE: stream(-10.0)})
    assert same[0] < ALARM <= worse[0]


@pytest.mark.parametrize(("medians", "direction"), [((0.4, 0.2), "up"), ((0.2, 0.4), "down")])
def test_a_distribution_that_is_off_is_found(medians: tuple[float, float], direction: str) -> None:
    rule = replace(HISTOGRAM, direction=Direction(direction))
    most, judge = histograms(medians, rule)
    assert most >= ALARM
    assert "p90 is" in named_metrics_of(judge, BEGAN + 300)[0].says
    assert histograms(medians[::-1], rule)[0] < ALARM


@pytest.mark.parametrize("rates", [(0.0, 0.0), (0.02, 0.02), (0.5, 0.5)])
def test_a_healthy_ratio_is_shown_to_be_harmless(rates: tuple[float, float]) -> None:
    assert ratios(rates)[1].vetoes(BEGAN + 300) == ()


def test_healthy_gauges_and_histograms_are_shown_to_be_harmless() -> None:
    assert gauges((10, 10))[1].vetoes(BEGAN + 400) == ()
    assert histograms((0.2, 0.2))[1].vetoes(BEGAN + 300) == ()


def test_nothing_is_known_of_two_sides_without_orders() -> None:
    _, judge = ratios((0.0, 0.0), replace(RATIO, direction=DOWN))
    assert judge.vetoes(BEGAN + 300) == (
        "orders_failed: harmlessness is not shown yet (nothing yet speaks for it)",
    )
    _, idle = ratios((0.1, 0.1), per_second=0)
    assert idle.vetoes(BEGAN + 300) == ("orders_failed: no figures of both sides yet",)


def test_stable_that_looks_as_bad_takes_the_blame_from_the_candidate() -> None:
    rng = np.random.default_rng(1)
    bad, good, same = (ratio_stream(rng, np.full(300, rate), 50) for rate in (0.1, 0.02, 0.1))
    sides = {Role.CANDIDATE: bad, Role.BASELINE: good}
    assert judged(RATIO, sides)[0] >= ALARM
    assert judged(RATIO, {**sides, Role.STABLE: same})[0] < ALARM


def look(at: float, problems: dict[str, str] | None = None, **of: RatioReading) -> NamedTick:
    readings = {
        Role(role): {"orders_failed": NamedReading(BEGAN + at, value)} for role, value in of.items()
    }
    return NamedTick(BEGAN + at, readings, problems or {})


def fed(*looks: NamedTick, rule: NamedRule = RATIO) -> NamedJudge:
    judge = NamedJudge([rule], POLICY)
    judge.begin(BEGAN)
    for one in looks:
        judge.feed(one)
    return judge


def both(at: float, n: int) -> NamedTick:
    return look(at, candidate=RatioReading(0, n), baseline=RatioReading(0, n))


@pytest.mark.parametrize(
    ("looks", "said"),
    [
        ([], "not read (nothing was read of it yet)"),
        ([look(1, {"orders_failed": "parse error"})], "not read (parse error)"),
        ([look(1, baseline=RatioReading(0, 1))], "no figures of the candidate"),
        ([look(1, candidate=RatioReading(0, 1))], "no figures of the baseline"),
        ([both(1, 5)], "no figures of both sides yet"),
        ([both(1, 5), both(2, 9), look(3, {"orders_failed": "away"})], "not read (away)"),
        ([both(1, 5), both(2, 9)], "no new figures of both sides for 98 s"),
    ],
)
def test_a_critical_metric_without_figures_is_named_and_no_pass(
    looks: list[NamedTick], said: str
) -> None:
    assert fed(*looks).vetoes(BEGAN + 100) == (f"orders_failed: {said}",)
    uncritical = fed(*looks, rule=replace(RATIO, critical=False))
    assert uncritical.vetoes(BEGAN + 100) == ()
    assert said in named_metrics_of(uncritical, BEGAN + 100)[0].says


def test_a_problem_that_is_over_is_forgotten() -> None:
    judge = fed(both(1, 5), look(2, {"orders_failed": "away"}), both(3, 9), both(4, 20))
    assert "not read" not in "".join(judge.vetoes(BEGAN + 5))


def test_counters_that_fall_and_figures_that_are_no_numbers_count_nothing() -> None:
    nan = RatioReading(math.nan, 50)
    judge = fed(
        both(1, 100), both(2, 5), look(3, candidate=nan, baseline=RatioReading(0, 10)), both(4, 2)
    )
    assert judge.cases[0].baseline.totals is None


def test_sides_that_are_scraped_at_different_seconds_are_put_together() -> None:
    counters = [RatioReading(k, 10 * k) for k in range(4)]
    looks = [
        look(1 + 2 * k + is_theirs, **{("baseline" if is_theirs else "candidate"): value})
        for k, value in enumerate(counters)
        for is_theirs in (0, 1)
    ]
    totals = fed(*looks).cases[0].baseline.totals
    assert totals is not None
    assert totals.mine.tolist() == totals.theirs.tolist() == [3, 30]


def test_histograms_with_other_buckets_are_not_compared() -> None:
    rng = np.random.default_rng(1)
    mine, theirs = (histogram_stream(rng, 60, 0.2, 20) for _ in range(2))
    shorter = [replace(h, bounds=h.bounds[1:], counts=h.counts[1:]) for h in theirs]  # type: ignore[union-attr]
    _, judge = judged(HISTOGRAM, {Role.CANDIDATE: mine, Role.BASELINE: shorter})
    (said,) = judge.vetoes(BEGAN + 60)
    assert "candidate and baseline have different buckets" in said


def test_what_came_before_the_first_request_is_left_out() -> None:
    early = [NamedTick(BEGAN - 5, {Role.CANDIDATE: {"queue": NamedReading(1, GaugeReading(9))}})]
    judge = NamedJudge([GAUGE], POLICY)
    for tick in early:
        judge.feed(tick)
    judge.begin(BEGAN)
    assert judge.vetoes(BEGAN) == ("queue: not read (nothing was read of it yet)",)


def test_the_weight_is_a_share_of_all_evidence() -> None:
    light, heavy = (
        ratios((0.05, 0.005), replace(RATIO, weight=weight), seconds=60)[1] for weight in (1, 4)
    )
    case = light.cases[0].log_harm()
    for judge, stake in ((light, 0.05), (heavy, 0.2)):
        wanted = math.log((1 + stake * math.exp(case)) / (1 + stake))
        assert judge.log_harm(0.0) == pytest.approx(wanted)
        assert named_metrics_of(judge, BEGAN)[0].weight == pytest.approx(stake / (1 + stake))
