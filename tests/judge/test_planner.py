"""The planner says what the judge can see, before any traffic has gone to a candidate."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from davylamp.judge.plan_cases import Cases, mark
from davylamp.judge.plan_curves import detection_curves
from davylamp.judge.plan_detect import errors_of_a_second, seconds_to_detect
from davylamp.judge.plan_document import document_of
from davylamp.judge.plan_judges import ErrorJudges, HealthJudges
from davylamp.judge.plan_ladder import Strategy
from davylamp.judge.plan_latency import seconds_to_detect_slowness
from davylamp.judge.plan_objective import Objective, WrongObjective
from davylamp.judge.plan_promote import seconds_to_promote
from davylamp.judge.plan_traffic import Traffic
from davylamp.judge.plan_week import hours_of_week
from davylamp.judge.planner import TrafficPlan, least_canary_rps, plan, plan_week
from davylamp.judge.sample import Floats
from davylamp.judge.sequential.judges import Judges
from davylamp.judge.sequential.policy import SequentialPolicy
from davylamp.judge.sequential.tick import Tick

POLICY = SequentialPolicy()
RATES = (2, 10, 50, 200, 1000)
MEASURED = {
    1.0: (30, 8, 2, 1, 1),
    0.2: (106, 28, 9, 3, 1),
    0.05: (None, 81, 28, 10, 4),
    0.01: (None, None, 156, 58, 22),
}
"""Seconds to 95 % detection over 0.1 % errors by canary requests/s, of the judge's design study."""
MONDAY = 1704067200.0
"""2024-01-01 00:00 UTC."""


def detected(canary_rps: list[float], rate: float, policy: SequentialPolicy = POLICY) -> Floats:
    """Seconds from the harm's beginning, on a judge that is past its warm-up."""
    n = len(canary_rps)
    onset = np.full(n, policy.warm_up_seconds)
    cases = Cases(np.array(canary_rps, dtype=float), np.full(n, rate), 0.001, onset)
    return mark(seconds_to_detect(cases, policy, 600, replicates=32))


def small(rps: float, base: float = 0.001, worse: float = 0.2, **more: float) -> Objective:
    """Short times, so that a test doesn't take long."""
    return Objective(rps, base, worse, **({"window_seconds": 300, "release_seconds": 900} | more))


@pytest.mark.parametrize("rate", MEASURED)
def test_errors_are_seen_about_as_soon_as_the_design_study_measured(rate: float) -> None:
    known = [(r, s) for r, s in zip(RATES, MEASURED[rate], strict=True) if s is not None]
    found = detected([r for r, _ in known], rate)
    for (rps, measured), seconds in zip(known, found, strict=True):
        assert seconds <= 2 * measured + 2, f"{rate} at {rps}/s"
        assert seconds >= measured / 4 - 1, f"{rate} at {rps}/s"


def test_a_healthy_build_is_promotable_about_as_soon_as_measured() -> None:
    ten, fifty = mark(seconds_to_promote(np.array([10.0, 50.0]), 0.001, POLICY, 600))
    assert 150 <= ten <= 600
    assert 60 <= fifty <= 240
    assert math.isinf(mark(seconds_to_promote(np.array([1.0]), 0.001, POLICY, 600))[0])


def _tick(traffic: Traffic, rng: np.random.Generator, error_rate: float) -> Tick:
    """Healthy traffic, and errors of the candidate on top."""
    tick = traffic.second(rng)
    failed = tick.failed.copy()
    failed[:, 0] += rng.binomial(tick.completed[:, 0].astype(int), error_rate)
    return replace(tick, failed=failed, completed=tick.latency.sum(axis=2) + failed)


def test_the_errors_alone_give_the_evidence_that_the_whole_judge_finds() -> None:
    rng = np.random.default_rng(5)
    traffic = Traffic.of(np.full(16, 20.0), 0.001)
    whole, errors_only = Judges(traffic.shape, POLICY), ErrorJudges(16, POLICY)
    compared = 0
    for t in range(120):
        tick = _tick(traffic, rng, 0.05 if t > 40 else 0.0)
        look = whole.feed(tick)
        events = whole.eyes.see(tick).errors
        harm = errors_only.harm_after(events)
        clear = look.harm > math.log(50)
        compared += int(clear.sum())
        assert harm[clear] == pytest.approx(look.harm[clear], abs=0.03)
        assert (harm[~clear] < math.log(52)).all()
    assert compared > 500


def test_rows_that_are_dropped_change_nothing_for_those_that_stay() -> None:
    cases = Cases(np.full(12, 10.0), np.full(12, 0.03), 0.001, np.zeros(12))
    all_of_them, some = ErrorJudges(12, POLICY), ErrorJudges(12, POLICY)
    rng = np.random.default_rng(1)
    rows = np.arange(12) % 3 == 1
    for t in range(1, 80):
        events = errors_of_a_second(rng, cases, t)
        expected = all_of_them.harm_after(events)
        if t == 37:
            some.keep(rows)
        if t >= 37:
            events = replace(
                events, **{k: v[rows] for k, v in vars(events).items() if k in "n_cn_b"}
            )
        found = some.harm_after(events)
        assert found == pytest.approx(expected if t < 37 else expected[rows])


@pytest.mark.parametrize("rps", [3.0, 20.0, 200.0])
def test_the_promotion_is_the_one_that_the_whole_judge_would_allow(rps: float) -> None:
    rng = np.random.default_rng(6)
    traffic = Traffic.of(np.full(12, rps), 0.005)
    both = [kind(traffic.shape, POLICY, np.zeros(12)) for kind in (Judges, HealthJudges)]
    for _ in range(200):
        tick = traffic.second(rng)
        whole, health_only = (judges.feed(tick).is_promotable for judges in both)
        assert (whole == health_only).all()
    if rps == 200.0:
        assert whole.all()


def test_more_requests_and_worse_errors_are_seen_sooner() -> None:
    by_traffic = detected([2, 8, 32, 128, 512], 0.1)
    assert (np.diff(by_traffic) <= 0).all()
    by_rate = [float(detected([20], rate)[0]) for rate in (0.02, 0.05, 0.2, 1.0)]
    assert by_rate == sorted(by_rate, reverse=True)


@pytest.fixture(scope="module")
def plenty() -> TrafficPlan:
    return plan(small(400, worse=0.05))


@pytest.fixture(scope="module")
def abundance() -> TrafficPlan:
    return plan(small(20_000, worse=0.05))


@pytest.fixture(scope="module")
def hardly_any() -> TrafficPlan:
    return plan(small(0.1))


def test_the_same_question_gets_the_same_answer(abundance: TrafficPlan) -> None:
    assert plan(small(20_000, worse=0.05)) == abundance


def test_the_smallest_fraction_that_suffices_is_chosen(plenty: TrafficPlan) -> None:
    sight = plenty.choice.sight
    assert sight is not None
    assert plenty.choice.strategy is Strategy.CANARY
    smaller = [s for s in plenty.sights if s.fraction < sight.fraction]
    assert smaller
    assert all(s.needs_seconds > 300 for s in smaller)
    assert sight.needs_seconds <= 300
    assert plenty.detectable_error_rate is not None
    assert POLICY.error_rate < plenty.detectable_error_rate <= 0.05


def test_more_traffic_shows_more(plenty: TrafficPlan, abundance: TrafficPlan) -> None:
    more = abundance
    assert more.choice.sight is not None
    assert plenty.choice.sight is not None
    assert more.choice.sight.fraction <= plenty.choice.sight.fraction
    for richer, poorer in zip(more.sights, plenty.sights, strict=True):
        assert richer.detect_p95 <= poorer.detect_p95
        assert richer.promote <= poorer.promote


def test_the_advice_goes_down_the_ladder_with_the_traffic(
    plenty: TrafficPlan, abundance: TrafficPlan, hardly_any: TrafficPlan
) -> None:
    long = plan(small(7, release_seconds=1500))
    synthetic, none = plan(small(1.5)), hardly_any
    assert [p.choice.strategy for p in (abundance, plenty, long, synthetic, none)] == [
        Strategy.CANARY,
        Strategy.CANARY,
        Strategy.LONG_CANARY,
        Strategy.SYNTHETIC_LOAD,
        Strategy.BLUE_GREEN,
    ]
    assert long.choice.window_seconds > 300
    assert f"{long.choice.window_seconds:,.0f} s" in long.advice
    assert 0 < synthetic.choice.synthetic_rps <= 20 * 1.5
    assert "synthetic load" in synthetic.advice
    assert none.choice.sight is None
    assert "blue-green" in none.advice
    assert "human" in none.advice


def test_what_the_judge_allows_is_seen_with_no_amount_of_traffic() -> None:
    found = plan(small(1e5, base=0.01, worse=0.01 * POLICY.error_ratio * 0.99))
    assert found.choice.strategy is Strategy.BLUE_GREEN
    assert "no harm" in found.advice
    assert document_of(found)["seconds_to_detect"] is None


def test_a_service_that_always_fails_a_lot_is_promoted_by_a_human() -> None:
    found = plan(small(5000, base=POLICY.distress_rate * 1.2, worse=0.6))
    assert found.choice.strategy is Strategy.CANARY_WITH_HUMAN
    assert "human" in found.advice
    assert all(math.isinf(s.promote) for s in found.sights)
    assert document_of(found)["seconds_to_promote"] is None


def test_the_judges_own_constants_are_used() -> None:
    usual = detected([20], 0.05)[0]
    assert detected([20], 0.05, replace(POLICY, alpha=1e-6))[0] > usual
    assert math.isinf(detected([20], 0.05, replace(POLICY, error_rate=0.06))[0])
    sooner = replace(POLICY, safe_evidence=3.0)
    few = np.array([10.0])
    assert (
        mark(seconds_to_promote(few, 0.001, sooner, 600))[0]
        < mark(seconds_to_promote(few, 0.001, POLICY, 600))[0]
    )


def test_slowness_is_seen_sooner_the_worse_it_is_and_the_more_requests_there_are() -> None:
    def seen(rps: float, factor: float) -> float:
        seconds = seconds_to_detect_slowness(rps, 0.001, factor, POLICY, 300, replicates=20)
        return float(mark(seconds)[0])

    assert seen(200, 3.0) <= seen(200, 1.5) <= 60
    assert seen(200, 3.0) <= seen(10, 3.0) < math.inf
    assert math.isinf(seen(200, 1.01))


def test_the_curves_fall_with_the_error_rate(abundance: TrafficPlan) -> None:
    curves = detection_curves(abundance)
    assert curves.seconds.shape == (5, len(curves.error_rates))
    assert curves.error_rates[-1] == pytest.approx(1.0)
    assert (curves.seconds[:, -1] <= curves.seconds[:, 0]).all()
    assert (np.diff(curves.seconds[:, -1]) <= 0).all()


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"rps": 0.0}, "rps"),
        ({"rps": math.nan}, "rps"),
        ({"base_error_rate": 0.0}, "base_error_rate"),
        ({"base_error_rate": 1.0}, "base_error_rate"),
        ({"detect_error_rate": 1.5}, "detect_error_rate"),
        ({"detect_error_rate": 0.001}, "detect_error_rate"),
        ({"window_seconds": 0.0}, "window_seconds"),
        ({"window_seconds": math.inf}, "window_seconds"),
        ({"release_seconds": 1e9}, "release_seconds"),
        ({"latency_factor": 1.0}, "latency_factor"),
    ],
)
def test_an_objective_that_makes_no_sense_is_refused(wrong: dict[str, float], field: str) -> None:
    usual = {"rps": 10.0, "base_error_rate": 0.001, "detect_error_rate": 0.05}
    with pytest.raises(WrongObjective, match="must") as refused:
        Objective(**(usual | wrong))
    assert refused.value.field == field


def test_a_week_is_measured_from_a_counter() -> None:
    at = MONDAY + np.arange(0, 8 * 86400, 600.0)
    hour = (at - MONDAY) // 3600 % 24
    counts = np.concatenate([[0.0], np.cumsum(np.where((hour >= 9) & (hour < 17), 6000, 600))[:-1]])
    found = hours_of_week(at, counts).reshape(7, 24)
    assert found[:, 9:17] == pytest.approx(10.0)
    assert np.delete(found, np.s_[9:17], axis=1) == pytest.approx(1.0)


def test_a_counter_that_began_anew_and_long_gaps_are_left_out() -> None:
    at = MONDAY + np.array([0.0, 600.0, 1200.0, 1800.0, 9000.0, 9600.0])
    found = hours_of_week(at, np.array([0.0, 600.0, 10.0, 610.0, 9e9, 9e9 + 1200]))
    assert found[0] == pytest.approx(1.0)
    assert np.isnan(found[1])
    assert found[2] == pytest.approx(2.0)
    assert np.isnan(found[3:]).all()


def test_readings_are_shared_out_at_the_edge_of_an_hour_and_of_the_week() -> None:
    sunday_night = MONDAY - 600.0
    found = hours_of_week(np.array([sunday_night, sunday_night + 1200]), np.array([0.0, 2400.0]))
    assert found[[167, 0]] == pytest.approx(2.0)
    shifted = hours_of_week(np.array([MONDAY, MONDAY + 60]), np.array([0.0, 60.0]), 2.0)
    assert shifted[2] == pytest.approx(1.0)


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.integers(0, 10**6), min_size=2, max_size=40),
    st.integers(0, 10**9),
    st.integers(1, 3600),
)
def test_an_even_rate_is_found_whatever_the_readings(
    increments: list[int], start: int, step: int
) -> None:
    at = float(start) + step * np.arange(len(increments) + 1)
    rate = max(increments)
    found = hours_of_week(at[::-1], (rate * (at - start))[::-1])
    assert found[np.isfinite(found)] == pytest.approx(rate)


def test_the_hours_with_enough_traffic_are_named(plenty: TrafficPlan) -> None:
    rps: list[float | None] = [1.0] * 168
    rps[10], rps[11], rps[12] = 400.0, None, 20_000.0
    hours = plan_week(plenty, rps)
    enough = {h.hour: h.fraction for h in hours if h.fraction is not None}
    assert set(enough) == {10, 12}
    assert plenty.choice.sight is not None
    assert enough[12] <= enough[10] == plenty.choice.sight.fraction
    assert hours[11].rps is None


def test_the_least_traffic_lies_between_what_suffices_and_what_does_not(
    plenty: TrafficPlan, hardly_any: TrafficPlan
) -> None:
    needed = least_canary_rps(plenty, [1.0, 400.0])
    enough = [s.canary_rps for s in plenty.sights if s.needs_seconds <= 300]
    too_few = [s.canary_rps for s in plenty.sights if s.needs_seconds > 300]
    assert needed is not None
    assert max(too_few) < needed <= min(enough)
    assert least_canary_rps(hardly_any, [0.1, 0.2]) is None
    assert least_canary_rps(plenty, []) is None
