"""The arithmetic of blast radius: the textbook case, closed forms against dice, and levers."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import integrate, stats

from davylamp.forecast.assumptions import Assumptions, WrongAssumption
from davylamp.forecast.catch import catch_rate
from davylamp.forecast.exposure import STRATEGIES, mean_exposure
from davylamp.forecast.forecast import impact, make_forecast
from davylamp.forecast.levers import levers, smaller_step
from davylamp.forecast.simulate import CatchBelief, simulate

TEXTBOOK = Assumptions()


def test_the_textbook_case_comes_out() -> None:
    document = make_forecast(TEXTBOOK, years=20).document()
    assert document["crippling_per_year_full_blast"] == 365.0
    assert document["crippling_per_year_canary"] == 18.25
    assert document["impact_per_year_canary"] == pytest.approx(18.25 + 346.75 * 0.05)


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_the_dice_agree_with_the_closed_form(strategy: str) -> None:
    rng = np.random.default_rng(3)
    n = 400_000
    is_caught = rng.random(n) < TEXTBOOK.catch_rate
    drawn = STRATEGIES[strategy](TEXTBOOK, is_caught, rng)
    error = drawn.std() / np.sqrt(n)
    assert abs(drawn.mean() - mean_exposure(TEXTBOOK, strategy)) < 5 * error


@pytest.mark.parametrize("ramp", [0.0, 1.0, 900.0, 1e5])
def test_a_rolling_updates_mean_is_its_integral(ramp: float) -> None:
    mean, a = 2700.0, replace(TEXTBOOK, roll_seconds=ramp)

    def cost(t: float) -> float:
        area = min(t, ramp) ** 2 / ramp + max(t - ramp, 0.0) if ramp else t
        return area * np.exp(-t / mean) / mean

    found, _ = integrate.quad(cost, 0, 60 * mean, points=[ramp], limit=500)
    assert mean_exposure(a, "rolling") == pytest.approx(found, rel=1e-6)


def test_a_year_of_dice_is_about_what_is_expected_and_its_quantiles_are_in_order() -> None:
    for harm in make_forecast(TEXTBOOK, years=500).harm:
        spread = harm.simulated.std() / np.sqrt(harm.years)
        assert abs(harm.mean - harm.expected) < 5 * spread
        assert 0 <= harm.p5 <= harm.p50 <= harm.p95


def test_one_seed_gives_one_answer_and_another_another() -> None:
    first, again = (make_forecast(TEXTBOOK, years=50, seed=4).document() for _ in range(2))
    assert first == again
    assert make_forecast(TEXTBOOK, years=50, seed=5).document() != first


def test_what_is_not_known_of_the_catch_rate_widens_the_quantiles() -> None:
    known = simulate(TEXTBOOK, "canary", seed=1, years=400)
    vague = simulate(TEXTBOOK, "canary", seed=1, years=400, belief=CatchBelief(9.5, 0.5))
    assert vague.p95 - vague.p5 > 2 * (known.p95 - known.p5)


@settings(max_examples=60, deadline=None)
@given(
    deploys=st.floats(0, 5000),
    p_bad=st.floats(0, 0.5),
    caught=st.floats(0, 1),
    fraction=st.floats(0.001, 1),
)
def test_a_canary_never_has_more_impact_than_everybody_at_once(
    deploys: float, p_bad: float, caught: float, fraction: float
) -> None:
    a = replace(
        TEXTBOOK, deploys_per_day=deploys, p_bad=p_bad, catch_rate=caught, fraction=fraction
    )
    assert 0 <= a.missed_per_year <= impact(a) * (1 + 1e-9)
    assert impact(a) <= a.bad_per_year * (1 + 1e-9)


@settings(max_examples=40, deadline=None)
@given(caught=st.floats(0, 1), fraction=st.floats(0.001, 1), p_bad=st.floats(0, 1))
def test_no_canary_lever_but_smaller_deploys_ever_costs(
    caught: float, fraction: float, p_bad: float
) -> None:
    a = replace(TEXTBOOK, catch_rate=caught, fraction=fraction, p_bad=p_bad)
    for lever in levers(a, "canary"):
        if lever.name != "more frequent and smaller deploys":
            assert lever.saved >= -1e-6 * max(lever.expected, 1.0), lever.name


def test_a_smaller_first_step_is_seen_later() -> None:
    smaller = smaller_step(TEXTBOOK)
    assert smaller.fraction == TEXTBOOK.fraction / 2
    assert smaller.detection_seconds == 5 + 2 * 25


def test_the_levers_come_best_first() -> None:
    saved = [one.saved for one in levers(TEXTBOOK, "canary")]
    assert saved == sorted(saved, reverse=True)
    assert {one.name for one in levers(TEXTBOOK, "rolling")} >= {
        "more frequent and smaller deploys"
    }


def test_without_bad_deploys_nobody_is_harmed() -> None:
    found = make_forecast(replace(TEXTBOOK, p_bad=0.0), years=20)
    assert [harm.p95 for harm in found.harm] == [0.0, 0.0, 0.0]
    assert all(one.saved_share == 0 for one in found.levers)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("p_bad", 1.1),
        ("p_bad", -0.1),
        ("catch_rate", float("nan")),
        ("fraction", 0.0),
        ("fraction", 2.0),
        ("users", float("inf")),
        ("deploys_per_day", -1.0),
        ("detection_seconds", 1.0),
    ],
)
def test_an_assumption_that_makes_no_sense_is_named(field: str, value: float) -> None:
    with pytest.raises(WrongAssumption) as wrong:
        replace(TEXTBOOK, **{field: value})
    assert wrong.value.field == field


def test_more_bad_deploys_than_can_be_played_are_refused() -> None:
    with pytest.raises(WrongAssumption, match="a million at most"):
        make_forecast(replace(TEXTBOOK, deploys_per_day=1e6, p_bad=1.0))


@pytest.mark.parametrize(("caught", "bad"), [(0, 0), (0, 5), (5, 5), (19, 20), (950, 1000)])
def test_the_catch_rates_interval_holds_it(caught: int, bad: int) -> None:
    found = catch_rate(caught, bad)
    assert 0 <= found.low <= found.rate <= found.high <= 1
    assert (found.low == 0) == (caught == 0)
    assert (found.high == 1) == (caught == bad)


def test_the_interval_covers_as_often_as_it_says_on_average() -> None:
    """Jeffreys' coverage is right on average over rates (Brown, Cai & DasGupta 2001)."""
    n, rates = 40, np.linspace(0.02, 0.98, 97)
    bounds = [(catch_rate(k, n).low, catch_rate(k, n).high) for k in range(n + 1)]
    covered = [
        sum(stats.binom.pmf(k, n, p) for k, (low, high) in enumerate(bounds) if low <= p <= high)
        for p in rates
    ]
    assert np.mean(covered) == pytest.approx(0.95, abs=0.01)
