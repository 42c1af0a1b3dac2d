"""A hearing that is fed with readings of counters, as a live release is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from davylamp.judge.hearing import Hearing, judge_series
from davylamp.judge.policy import JudgePolicy
from davylamp.judge.readings import Readings
from davylamp.judge.sample import Role, Sample
from davylamp.judge.verdict import Outcome, Verdict
from tests.judge.made import Made, samples_of

News = Mapping[Role, Sequence[Sample]]
SIDES = {Role.CANDIDATE: 1, Role.BASELINE: 2, Role.STABLE: 3}


def readings(seconds: int = 60, rate: float = 100, **faults: Any) -> dict[Role, list[Sample]]:
    """Of all three sides; only the candidate has faults."""
    builds = {role: Made(rate=rate, seconds=seconds) for role in Role}
    builds[Role.CANDIDATE] = Made(rate=rate, seconds=seconds, **faults)
    return {role: samples_of(builds[role].series(seed), role) for role, seed in SIDES.items()}


def heard(*parts: News) -> Verdict:
    hearing = Hearing(JudgePolicy())
    for part in parts:
        hearing.hear(part)
    return hearing.verdict()


def cut(news: News, *at: int) -> list[dict[Role, Sequence[Sample]]]:
    """The same readings in several parts."""
    longest = max(len(found) for found in news.values())
    edges = [0, *sorted(at), longest]
    return [{role: found[a:b] for role, found in news.items()} for a, b in pairwise(edges)]


@pytest.mark.parametrize(
    "faults", [{}, {"error_share": 0.05}, {"slow_share": 0.05, "slow_factor": 5}]
)
def test_a_release_that_is_picked_up_again_goes_on_where_it_was(faults: dict[str, Any]) -> None:
    news = readings(**faults)
    at_once = heard(news)
    assert heard(*cut(news, 30)) == at_once
    assert heard(*cut(news, *range(1, 61))) == at_once


@settings(max_examples=15)
@given(st.lists(st.integers(1, 39), max_size=6, unique=True))
def test_it_does_not_matter_in_how_many_parts_readings_come(at: list[int]) -> None:
    assert heard(*cut(SHORT, *at)) == SHORT_AT_ONCE


SHORT = readings(seconds=40, error_share=0.02)
SHORT_AT_ONCE = heard(SHORT)


def test_readings_that_come_twice_count_once() -> None:
    news = readings()
    twice = {role: [s for s in found for _ in range(2)] for role, found in news.items()}
    assert heard(twice) == heard(news) == heard(news, news)


def test_readings_say_what_the_ticks_between_them_say() -> None:
    mine, theirs = Made(seconds=60, error_share=0.04).series(1), Made(seconds=60).series(2)
    by_ticks = judge_series(mine, theirs, JudgePolicy())
    by_readings = heard(
        {
            Role.CANDIDATE: samples_of(mine, Role.CANDIDATE),
            Role.BASELINE: samples_of(theirs, Role.BASELINE),
        }
    )
    assert by_readings.outcome is by_ticks.outcome is Outcome.ROLLBACK
    assert by_readings.e_value == pytest.approx(by_ticks.e_value)
    for one, other in zip(by_readings.metrics, by_ticks.metrics, strict=True):
        assert (one.name, one.e_value) == (other.name, pytest.approx(other.e_value))


def test_before_the_first_request_of_the_candidate_there_is_nothing_to_judge() -> None:
    silent = readings(rate=0, seconds=20)
    assert heard(silent).outcome is Outcome.CONTINUE
    assert heard(silent).missing == ("requests of the candidate",)
    assert heard({}).outcome is Outcome.CONTINUE


def test_seconds_before_the_first_request_are_not_counted_as_gaps() -> None:
    busy = readings(rate=200, seconds=120)
    late = {role: [_later(s, 300) for s in found] for role, found in busy.items()}
    idle = {Role.CANDIDATE: [busy[Role.CANDIDATE][0]]}
    assert heard(idle, late).outcome is Outcome.PROMOTE


def _later(sample: Sample, seconds: float) -> Sample:
    return replace(sample, at=sample.at + seconds)


def test_a_gap_in_the_readings_makes_ticks_that_are_not_known() -> None:
    candidate = readings(seconds=10)[Role.CANDIDATE]
    rows = list(Readings().take({Role.CANDIDATE: [*candidate[:4], *candidate[7:]]}))
    assert [bool(row) for row in rows] == [True] * 3 + [False] * 3 + [True] * 4


def test_too_many_missing_readings_are_named_and_never_a_pass() -> None:
    news = readings(rate=200, seconds=160)
    assert heard(news).outcome is Outcome.PROMOTE
    thin = {role: [s for t, s in enumerate(found) if t % 3] for role, found in news.items()}
    verdict = heard(thin)
    assert verdict.outcome is Outcome.CONTINUE
    assert any("ticks without a reading of the candidate" in line for line in verdict.missing)


def test_counters_that_keep_going_back_are_named_and_never_a_pass() -> None:
    news = readings(rate=200, seconds=160)
    for role in (Role.CANDIDATE, Role.BASELINE):
        verdict = heard({**news, role: _restarted_every(4, news[role])})
        assert verdict.outcome is not Outcome.PROMOTE
        assert any(f"without a reading of the {role}" in line for line in verdict.missing)


def _restarted_every(ticks: int, samples: Sequence[Sample]) -> list[Sample]:
    """What counts begins again at zero each so many readings."""
    found: list[Sample] = []
    for t, sample in enumerate(samples):
        since = samples[t - t % ticks]
        latency = tuple(b - a for a, b in zip(since.latency, sample.latency, strict=True))
        found.append(
            replace(
                sample,
                started=sample.started - since.started,
                succeeded=sample.succeeded - since.succeeded,
                failed=sample.failed - since.failed,
                latency=latency,
            )
        )
    return found


@pytest.mark.parametrize("silent", [20, 40])
@pytest.mark.parametrize("role", [Role.BASELINE, Role.CANDIDATE])
def test_a_side_that_stops_reporting_is_never_a_pass_and_no_harm_either(
    role: Role, silent: int
) -> None:
    news = readings(rate=200, seconds=150)
    verdict = heard({**news, role: news[role][:-silent]})
    assert verdict.outcome is Outcome.CONTINUE
    assert any(f"no request of the {role}" in line for line in verdict.missing)


def test_other_shares_than_intended_are_named_and_never_a_pass() -> None:
    news = readings(rate=200, seconds=150)
    hearing = Hearing(JudgePolicy())
    hearing.intend(0.3, 0.1)
    hearing.hear(news)
    verdict = hearing.verdict()
    assert verdict.outcome is Outcome.CONTINUE
    assert any("sample-ratio mismatch" in line for line in verdict.missing)
    as_meant = Hearing(JudgePolicy())
    as_meant.intend(0.1, 0.1)
    as_meant.hear(news)
    assert as_meant.verdict().outcome is Outcome.PROMOTE


def test_a_share_that_is_raised_on_the_way_is_no_mismatch() -> None:
    news = readings(rate=200, seconds=150)
    small = samples_of(Made(rate=100, seconds=60).series(4), Role.BASELINE)
    equal = Hearing(JudgePolicy())
    equal.intend(0.2, 0.1)
    equal.hear({Role.CANDIDATE: news[Role.CANDIDATE][:61], Role.BASELINE: small})
    equal.intend(0.2, 0.2)
    rest = samples_of(Made(rate=200, seconds=90).series(5), Role.BASELINE, began=small[-1].at)
    grown = [_on_top(s, small[-1]) for s in rest[1:]]
    equal.hear({Role.CANDIDATE: news[Role.CANDIDATE][61:], Role.BASELINE: grown})
    assert equal.verdict().outcome is Outcome.PROMOTE


def _on_top(sample: Sample, of: Sample) -> Sample:
    """A reading of the same counters later on."""
    assert sample.cpu_seconds is not None
    assert of.cpu_seconds is not None
    return replace(
        sample,
        started=sample.started + of.started,
        succeeded=sample.succeeded + of.succeeded,
        failed=sample.failed + of.failed,
        responses=tuple(a + b for a, b in zip(sample.responses, of.responses, strict=True)),
        latency=tuple(a + b for a, b in zip(sample.latency, of.latency, strict=True)),
        cpu_seconds=sample.cpu_seconds + of.cpu_seconds,
    )
