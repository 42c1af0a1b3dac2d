"""What holds for any evidence whatever."""

from __future__ import annotations

import json
from dataclasses import asdict, replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from davylamp.judge.hearing import judge
from davylamp.judge.policy import GrossHarm, JudgePolicy
from davylamp.judge.sample import LATENCY_BOUNDS_MS, Series
from davylamp.judge.verdict import Evidence, Outcome

BUCKETS = len(LATENCY_BOUNDS_MS) + 1
any_float = st.floats(allow_infinity=False, width=64)
count = st.integers(0, 500).map(float)
SEVERITY = [Outcome.PROMOTE, Outcome.CONTINUE, Outcome.MANUAL, Outcome.ROLLBACK]


def column(n: int, elements: st.SearchStrategy[float]) -> st.SearchStrategy[np.ndarray]:
    return hnp.arrays(np.float64, n, elements=elements)


@st.composite
def series(draw: st.DrawFn, elements: st.SearchStrategy[float], most: int = 20) -> Series:
    n = draw(st.integers(0, most))
    columns = {name: draw(column(n, elements)) for name in Series.__dataclass_fields__}
    columns["latency"] = draw(
        hnp.arrays(np.float64, (n, BUCKETS), elements=elements, fill=st.just(0.0))
    )
    columns["at"] = np.arange(1.0, n + 1)
    columns["seconds"] = np.ones(n)
    return Series(**columns)


policies = st.builds(
    JudgePolicy,
    rule=st.sampled_from(["fail-ratio", "score", "?"]),
    minimum_requests=st.integers(1, 100),
    minimum_ticks=st.integers(3, 20),
    interval_seconds=st.floats(1, 7),
    gross=st.builds(GrossHarm, minimum_requests=st.integers(1, 50)),
)
sane = series(count)
wild = series(any_float) | series(any_float | st.just(float("nan"))) | sane


@settings(max_examples=60, deadline=None)
@given(wild, wild, st.floats(allow_nan=True), st.booleans(), policies)
def test_any_evidence_gets_an_answer(
    candidate: Series, baseline: Series, elapsed: float, simultaneous: bool, policy: JudgePolicy
) -> None:
    verdict = judge(Evidence(candidate, baseline, elapsed, simultaneous), policy)
    assert verdict.outcome in SEVERITY
    assert verdict.headline
    json.dumps(asdict(verdict), allow_nan=False)


@settings(max_examples=60, deadline=None)
@given(wild, wild, policies)
def test_nothing_is_promoted_on_too_little(
    candidate: Series, baseline: Series, policy: JudgePolicy
) -> None:
    verdict = judge(Evidence(candidate, baseline, 10), policy)
    sides = min(verdict.candidate_requests, verdict.baseline_requests)
    ticks = min(len(candidate), len(baseline))
    if sides < policy.minimum_requests or ticks < policy.minimum_ticks:
        assert verdict.outcome is not Outcome.PROMOTE
        assert verdict.judge == "early-stop"


@settings(max_examples=60, deadline=None)
@given(sane, policies)
def test_doing_exactly_what_the_baseline_does_is_never_rolled_back(
    both: Series, policy: JudgePolicy
) -> None:
    assert judge(Evidence(both, both, 10), policy).outcome is not Outcome.ROLLBACK


@settings(max_examples=60, deadline=None)
@given(sane, sane, policies)
def test_only_gross_harm_is_found_against_an_earlier_baseline(
    candidate: Series, baseline: Series, policy: JudgePolicy
) -> None:
    verdict = judge(Evidence(candidate, baseline, 10, simultaneous=False), policy)
    assert verdict.judge == "early-stop"
    assert verdict.outcome in (Outcome.ROLLBACK, Outcome.CONTINUE)


def steady(ticks: int, requests: int, failed: int, bucket: int) -> Series:
    latency = np.zeros((ticks, BUCKETS))
    latency[:, bucket] = requests
    same = np.full(ticks, float(requests))
    nothing = np.zeros(ticks)
    return Series(
        at=np.arange(1.0, ticks + 1),
        seconds=np.ones(ticks),
        started=same,
        succeeded=same - failed,
        failed=nothing + failed,
        client_errors=nothing,
        latency=latency,
        in_flight=nothing + 1,
        cpu_seconds=nothing + 0.01,
        memory_bytes=nothing + 5e7,
        restarts=nothing,
    )


@pytest.mark.parametrize("usual", [0, 2])
def test_more_errors_never_make_a_milder_verdict(usual: int) -> None:
    baseline = steady(30, 20, usual, 8)
    found = [
        SEVERITY.index(judge(Evidence(steady(30, 20, k, 8), baseline, 30), JudgePolicy()).outcome)
        for k in range(usual, 21)
    ]
    assert found == sorted(found)
    assert SEVERITY[found[-1]] is Outcome.ROLLBACK


def test_slower_answers_never_make_a_milder_verdict() -> None:
    baseline = steady(30, 20, 0, 8)
    found = [
        SEVERITY.index(
            judge(Evidence(steady(30, 20, 0, bucket), baseline, 30), JudgePolicy()).outcome
        )
        for bucket in range(8, BUCKETS)
    ]
    assert found == sorted(found)
    assert SEVERITY[found[0]] is Outcome.PROMOTE
    assert SEVERITY[found[-1]] is Outcome.ROLLBACK


def test_being_better_is_promoted() -> None:
    verdict = judge(Evidence(steady(30, 20, 0, 5), steady(30, 20, 0, 12), 30), JudgePolicy())
    assert verdict.outcome is Outcome.PROMOTE


def test_ticks_of_uneven_length_are_grouped_into_the_intervals_asked_for() -> None:
    from davylamp.judge.intervals import intervals_of

    ticks = steady(30, 20, 1, 8)
    grouped = intervals_of(replace(ticks, seconds=np.full(30, 1.003)), 5.0)
    assert len(grouped) in (6, 7)
    assert grouped.requests == 600
    assert grouped.latency.sum() == 600
