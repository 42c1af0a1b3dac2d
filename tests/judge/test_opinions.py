"""Who decides by the policy, and what the other judges would have said."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from davylamp.judge.hearing import Hearing, judge_series
from davylamp.judge.opinions import judge_step, weigh
from davylamp.judge.policy import JudgePolicy
from davylamp.judge.sample import Role, Series
from davylamp.judge.verdict import SEQUENTIAL, Evidence, Outcome, Verdict
from tests.judge.made import BUCKETS, Made, without_costs

BY_RATIO = JudgePolicy(rule="fail-ratio")
BY_SCORE = JudgePolicy(rule="score")
SEVERITY = [Outcome.PROMOTE, Outcome.CONTINUE, Outcome.MANUAL, Outcome.ROLLBACK]
STORM: dict[str, Any] = {"rate": 100, "seconds": 30, "client_error_share": 0.3}


def step(policy: JudgePolicy = BY_RATIO, seed: int = 1, **faults: Any) -> Verdict:
    """What the fixed-window rule says of a step in which the candidate has faults."""
    both = {k: v for k, v in faults.items() if k in ("rate", "seconds")}
    candidate, baseline = Made(**faults), Made(**both)
    return judge_step(
        Evidence(candidate.series(seed), baseline.series(seed + 100_000), candidate.seconds), policy
    )


def both(policy: JudgePolicy, seed: int = 1, **faults: Any) -> Verdict:
    """The verdict that counts at the end of such a step."""
    healthy = {k: v for k, v in faults.items() if k in ("rate", "seconds")}
    mine, theirs = Made(**faults).series(seed), Made(**healthy).series(seed + 100_000)
    return weigh(
        judge_series(mine, theirs, policy),
        judge_step(Evidence(mine, theirs, len(mine)), policy),
        policy,
    )


@pytest.mark.parametrize("rule", ["fail-ratio", "score"])
def test_either_fixed_window_rule_can_be_chosen_and_the_others_are_asked_too(rule: str) -> None:
    verdict = both(JudgePolicy(rule=rule), rate=100, seconds=40)
    assert (verdict.outcome, verdict.judge) == (Outcome.PROMOTE, rule)
    others = {"fail-ratio", "score", SEQUENTIAL} - {rule}
    assert set(verdict.other_opinions) == others
    assert verdict.other_opinions[SEQUENTIAL] == "CONTINUE"


def test_the_sequential_judge_decides_by_default_and_both_rules_are_asked() -> None:
    verdict = both(JudgePolicy(), rate=200, seconds=120)
    assert (verdict.outcome, verdict.judge) == (Outcome.PROMOTE, SEQUENTIAL)
    assert dict(verdict.other_opinions) == {"fail-ratio": "PROMOTE", "score": "PROMOTE"}


def test_the_two_rules_differ_about_one_failed_metric_of_many() -> None:
    assert step(BY_RATIO, **STORM).outcome is Outcome.MANUAL
    scored = step(BY_SCORE, **STORM)
    assert scored.outcome is Outcome.PROMOTE
    assert scored.score == pytest.approx(87.5)
    assert scored.against == ("client_error_rate",)
    assert scored.other_opinions == {"fail-ratio": "MANUAL"}


def test_a_critical_metric_alone_rolls_back_by_either_rule() -> None:
    for policy in (BY_RATIO, BY_SCORE):
        critical = replace(policy, critical=("client_error_rate",))
        assert step(critical, **STORM).outcome is Outcome.ROLLBACK


def test_harm_seen_by_the_sequential_judge_counts_whoever_may_promote() -> None:
    storm = STORM | {"seconds": 150}
    verdict = both(BY_SCORE, **storm)
    assert (verdict.outcome, verdict.judge) == (Outcome.ROLLBACK, SEQUENTIAL)
    assert verdict.metrics[0].name == "client_error_rate"
    assert verdict.other_opinions["score"] == "PROMOTE"


def test_no_fixed_window_promotes_over_evidence_of_harm() -> None:
    sequential = Verdict(Outcome.CONTINUE, "held back", SEQUENTIAL, e_value=30.0)
    window = Verdict(Outcome.PROMOTE, "no harm found", "score")
    assert weigh(sequential, window, BY_SCORE).outcome is Outcome.MANUAL
    calm = replace(sequential, e_value=0.5)
    assert weigh(calm, window, BY_SCORE).outcome is Outcome.PROMOTE


def test_a_complaint_about_the_data_holds_a_fixed_window_back_too() -> None:
    mine, theirs = (Made(rate=100, seconds=40).series(seed) for seed in (1, 2))
    hearing = Hearing(BY_RATIO)
    hearing.feed({Role.CANDIDATE: mine.row(t), Role.BASELINE: theirs.row(t)} for t in range(40))
    window = judge_step(Evidence(mine, theirs, 40), BY_RATIO)
    complaint = "the candidate's copies are 300 s younger than the other side's"
    verdict = weigh(hearing.verdict([complaint]), window, BY_RATIO)
    assert verdict.outcome is not Outcome.PROMOTE


@pytest.mark.parametrize(("seconds", "rate"), [(3, 100), (60, 0.2), (0, 10)])
def test_a_window_with_too_little_in_it_waits_and_says_for_what(seconds: int, rate: float) -> None:
    verdict = step(seconds=seconds, rate=rate)
    assert verdict.outcome is Outcome.CONTINUE
    assert verdict.missing
    assert "too little to judge" in verdict.headline


def test_what_is_missing_of_a_window_says_about_when_it_comes() -> None:
    missing = step(replace(BY_RATIO, minimum_requests=400), seconds=20, rate=4).missing
    assert any("of 400 requests (about " in line and "s more)" in line for line in missing)


def test_a_window_whose_baseline_has_no_traffic_is_not_judged() -> None:
    verdict = judge_step(Evidence(Made().series(1), Made(rate=0).series(2), 30), BY_RATIO)
    assert verdict.outcome is Outcome.CONTINUE
    assert any("baseline has 0 of" in line for line in verdict.missing)


def test_a_window_in_which_both_sides_fail_is_not_promoted() -> None:
    sick = Made(rate=100, seconds=60, error_share=0.3)
    verdict = judge_step(Evidence(sick.series(1), sick.series(2), 60), BY_RATIO)
    assert verdict.outcome is Outcome.MANUAL
    assert "of the candidate's requests fail" in verdict.headline


def test_an_ignored_metric_is_no_part_of_a_window() -> None:
    verdict = step(replace(BY_RATIO, ignored=("client_error_rate",)), **STORM)
    assert verdict.outcome is Outcome.PROMOTE
    assert "client_error_rate" not in {m.name for m in verdict.metrics}


def test_a_window_without_cpu_and_memory_figures_on_both_sides_can_be_promoted() -> None:
    candidate, baseline = (without_costs(Made().series(seed)) for seed in (1, 2))
    assert judge_step(Evidence(candidate, baseline, 30), BY_RATIO).outcome is Outcome.PROMOTE
    one_sided = judge_step(Evidence(candidate, Made().series(2), 30), BY_RATIO)
    assert one_sided.outcome is Outcome.MANUAL
    assert any("cpu_per_request" in line for line in one_sided.missing)


def test_longer_intervals_judge_the_same_requests() -> None:
    policy = replace(BY_RATIO, interval_seconds=5.0)
    assert step(policy, seconds=60).outcome is Outcome.PROMOTE
    assert step(policy, seconds=60, error_share=0.04).outcome is Outcome.ROLLBACK


def steady(ticks: int, requests: int, failed: int, bucket: int) -> Series:
    latency = np.zeros((ticks, BUCKETS))
    latency[:, bucket] = requests
    same, nothing = np.full(ticks, float(requests)), np.zeros(ticks)
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


def outcome_of(candidate: Series, baseline: Series) -> Outcome:
    return judge_step(Evidence(candidate, baseline, 30), BY_RATIO).outcome


@pytest.mark.parametrize("usual", [0, 2])
def test_more_errors_never_make_a_windows_verdict_milder(usual: int) -> None:
    baseline = steady(30, 20, usual, 8)
    found = [SEVERITY.index(outcome_of(steady(30, 20, k, 8), baseline)) for k in range(usual, 21)]
    assert found == sorted(found)
    assert SEVERITY[found[-1]] is Outcome.ROLLBACK


def test_slower_answers_never_make_a_windows_verdict_milder() -> None:
    baseline = steady(30, 20, 0, 8)
    found = [
        SEVERITY.index(outcome_of(steady(30, 20, 0, bucket), baseline))
        for bucket in range(8, BUCKETS)
    ]
    assert found == sorted(found)
    assert SEVERITY[found[0]] is Outcome.PROMOTE
    assert SEVERITY[found[-1]] is Outcome.ROLLBACK
