"""Several Envoys, scraped one by one and not always: sums that only grow, whole ticks only."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from davylamp.judge.sample import Role, Sample, series_of
from davylamp.signals.envoy_counters import Attempts, Counters
from davylamp.signals.prometheus_envoys import Envoys
from davylamp.signals.prometheus_scrape import Scrape
from davylamp.signals.protocol import Watched

SIDES = {
    "a_stable": Watched("a", Role.STABLE, 7),
    "a_candidate_7": Watched("a", Role.CANDIDATE, 7),
}
PATIENCE = 10.0


def counted(done: int, active: int = 0, endpoint: str = "e:1") -> Counters:
    latency = (done, *Counters.latency[1:])
    plain = {"total": done, "2xx": done, "active": active}
    return Counters(plain, {endpoint: Attempts(done, done, 0)}, latency)


def scrape(
    at: float, done: int, *, up: float | None = 500.0, cluster: str = "a_candidate_7", **more: Any
) -> Scrape:
    return Scrape(at, {cluster: counted(done, **more)}, up)


def take(envoys: Envoys, **scrapes: Scrape) -> list[Sample]:
    return envoys.take(scrapes, SIDES)


def figures(samples: list[Sample]) -> list[tuple[float, int, int]]:
    return [(s.at, s.succeeded, s.in_flight) for s in samples]


@pytest.fixture
def envoys() -> Envoys:
    return Envoys(PATIENCE)


def test_envoys_are_added_up_at_the_time_of_the_oldest_scrape(envoys: Envoys) -> None:
    samples = take(envoys, x=scrape(100.0, 5, active=1), y=scrape(100.7, 20, active=2))
    assert figures(samples) == [(100.0, 25, 3)]
    assert samples[0].responses == (0, 25, 0, 0, 0)
    assert sum(samples[0].latency) == 25


def test_the_same_scrape_is_reported_once(envoys: Envoys) -> None:
    assert len(take(envoys, x=scrape(100, 5))) == 1
    assert take(envoys, x=scrape(100, 5)) == []
    assert figures(take(envoys, x=scrape(101, 6))) == [(101, 6, 0)]


def test_an_older_scrape_from_the_other_of_a_pair_changes_nothing(envoys: Envoys) -> None:
    take(envoys, x=scrape(100.0, 50))
    assert take(envoys, x=scrape(99.5, 48)) == []
    assert figures(take(envoys, x=scrape(101.0, 60))) == [(101, 60, 0)]


def test_a_tick_waits_for_every_envoy(envoys: Envoys) -> None:
    take(envoys, x=scrape(100, 5), y=scrape(100.5, 20))
    assert take(envoys, x=scrape(101, 6), y=scrape(100.5, 20)) == []
    assert envoys.held == {"a": "no new scrape of 1 of 2 Envoys: y"}
    assert figures(take(envoys, x=scrape(101, 6), y=scrape(101.5, 22))) == [(101, 28, 0)]
    assert envoys.held == {}


def test_an_envoy_missing_for_one_scrape_never_makes_a_counter_fall(envoys: Envoys) -> None:
    take(envoys, x=scrape(100, 5), y=scrape(100, 20))
    assert take(envoys, x=scrape(101, 6)) == []
    assert figures(take(envoys, x=scrape(102, 7), y=scrape(102, 24))) == [(102, 31, 0)]


def test_what_an_envoy_that_went_away_had_counted_stays_counted(envoys: Envoys) -> None:
    take(envoys, x=scrape(100, 5), y=scrape(100, 20, active=3))
    for at in range(101, 111):
        assert take(envoys, x=scrape(at, 6)) == []
    assert figures(take(envoys, x=scrape(111, 16, active=1))) == [(111, 36, 1)]
    assert figures(take(envoys, x=scrape(112, 17))) == [(112, 37, 0)]


def test_an_envoy_that_comes_back_goes_on_where_it_was(envoys: Envoys) -> None:
    take(envoys, x=scrape(100, 5), y=scrape(100, 20))
    take(envoys, x=scrape(115, 6))
    samples = take(envoys, x=scrape(116, 7), y=scrape(116, 30))
    assert figures(samples) == [(116, 37, 0)]


def test_a_new_envoy_counts_from_its_birth(envoys: Envoys) -> None:
    take(envoys, x=scrape(100, 5))
    samples = take(envoys, x=scrape(101, 6), y=scrape(101, 3, up=0.5))
    assert figures(samples) == [(101, 9, 0)]


def test_an_old_envoy_met_late_counts_from_the_meeting(envoys: Envoys) -> None:
    take(envoys, x=scrape(100, 5))
    met = take(envoys, x=scrape(101, 6), y=scrape(101, 9000))
    assert figures(met) == [(101, 6, 0)]
    assert figures(take(envoys, x=scrape(102, 7), y=scrape(102, 9002))) == [(102, 9, 0)]


@pytest.mark.parametrize(("done", "up"), [(2, 0.5), (7, 0.5), (2, None), (7, 9000.0)])
def test_a_restarted_envoy_costs_a_tick_even_if_its_counters_have_caught_up(
    envoys: Envoys, done: int, up: float | None
) -> None:
    """By its uptime, or by counters that fell; an uptime that leaps is another process too."""
    before = 100.0 if up else None
    first = take(envoys, x=scrape(100, 5, up=before), y=scrape(100, 20))
    assert take(envoys, x=scrape(101, done, up=up), y=scrape(101, 22)) == []
    assert "anew" in envoys.held["a"]
    later = take(envoys, x=scrape(102, done + 3, up=up and up + 1), y=scrape(102, 24))
    ticks = series_of([*first, *later])
    assert later[0].at == 102
    # two of y's in each second, three of x's in the second one
    assert list(ticks.succeeded) == [4 + 3 + max(done - 5, 0)]


def test_one_address_in_front_of_two_envoys_counts_nothing(envoys: Envoys) -> None:
    samples: list[Sample] = []
    for at, done, up in ((0, 900, 5000), (1, 50, 80), (2, 905, 5002), (3, 52, 82), (4, 909, 5004)):
        samples += take(envoys, x=scrape(100 + at, done, up=up))
    assert figures(samples) == [(100, 900, 0)]


def test_endpoints_that_are_replaced_take_nothing_along(envoys: Envoys) -> None:
    take(envoys, x=scrape(100, 5, endpoint="e:1"))
    moved = Counters({"total": 7, "2xx": 2}, {"e:2": Attempts(2, 2, 0)})
    (sample,) = take(envoys, x=Scrape(101, {"a_candidate_7": moved}, 501))
    assert (sample.succeeded, sample.started) == (7, 7)
    assert (sample.responses[1], sum(sample.latency)) == (7, 5)


def test_a_cluster_that_is_gone_everywhere_is_left_out(envoys: Envoys) -> None:
    both = {"a_stable": counted(1), "a_candidate_7": counted(2)}
    assert len(take(envoys, x=Scrape(100, both, 500))) == 2
    (left,) = take(envoys, x=scrape(101, 3, cluster="a_stable"))
    assert left.role is Role.STABLE


def test_all_sides_of_a_service_are_of_one_moment(envoys: Envoys) -> None:
    """The candidate's cluster has reached one Envoy only."""
    both = {"a_stable": counted(10), "a_candidate_7": counted(2)}
    samples = take(envoys, x=Scrape(100, both, 500), y=scrape(99.6, 30, cluster="a_stable"))
    assert {(s.role, s.at, s.succeeded) for s in samples} == {
        (Role.STABLE, 99.6, 40),
        (Role.CANDIDATE, 99.6, 2),
    }


def test_a_service_with_unreadable_figures_is_held_and_no_other(envoys: Envoys) -> None:
    sides = SIDES | {"b_stable": Watched("b", Role.STABLE, 8)}
    wrong = Scrape(100, {"b_stable": counted(3)}, 500, frozenset({"a_stable"}))
    good = Scrape(100, {"a_candidate_7": counted(3)}, 500)
    (sample,) = envoys.take({"x": wrong, "y": good}, sides)
    assert sample.service == "b"
    assert envoys.held == {"a": "x has figures of a_stable that are no counts"}


def test_one_that_is_unreadable_from_the_start_is_held(envoys: Envoys) -> None:
    wrong = Scrape(100, {"a_stable": counted(3)}, 500, frozenset({"a_candidate_7"}))
    assert take(envoys, x=wrong) == []
    assert "a_candidate_7" in envoys.held["a"]


SECONDS = st.tuples(*[st.integers(0, 50)] * 2, *[st.booleans()] * 2, st.integers(1, 2))


@given(st.lists(SECONDS, max_size=30))
def test_whatever_is_missed_every_request_is_counted_once(seconds: Any) -> None:
    """Two Envoys that live all along; each scrape may fail, each tick may come twice."""
    envoys, x, y = Envoys(PATIENCE), 100, 7000
    samples = take(envoys, x=scrape(0, x), y=scrape(0, y))
    for at, (of_x, of_y, sees_x, sees_y, ticks) in enumerate(seconds, start=1):
        x, y = x + of_x, y + of_y
        seen = {"x": scrape(at, x, up=500 + at)} if sees_x else {}
        seen |= {"y": scrape(at, y, up=500 + at)} if sees_y else {}
        for _ in range(ticks):
            samples += take(envoys, **seen)
    samples += take(envoys, x=scrape(60, x, up=560), y=scrape(60, y, up=560))
    assert (samples[-1].at, samples[-1].succeeded) == (60, x + y)
    assert len(series_of(samples)) == len(samples) - 1
