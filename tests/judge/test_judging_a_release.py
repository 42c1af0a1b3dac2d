"""What the judge says of made-up releases, harmless and harmful."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from davylamp.judge.hearing import NOT_SIMULTANEOUS, Hearing, judge_series
from davylamp.judge.policy import JudgePolicy
from davylamp.judge.sample import Role, Series
from davylamp.judge.sequential.run import judge_recordings
from davylamp.judge.verdict import SEQUENTIAL, Outcome, Verdict
from tests.judge.made import Made, identical, recorded, without_costs

POLICY = JudgePolicy()
METRICS = {
    "error_rate",
    "client_error_rate",
    "latency_p50",
    "latency_p90",
    "latency_p99",
    "hanging",
    "cpu_per_request",
    "memory_bytes",
    "restarts",
}
HARMS: list[tuple[str, dict[str, Any]]] = [
    ("error_rate", {"error_share": 1.0}),
    ("error_rate", {"error_share": 0.2}),
    ("error_rate", {"error_share": 0.05}),
    ("error_rate", {"hang_share": 0.2, "hang_seconds": 1}),
    ("hanging", {"hang_share": 1.0}),
    ("latency_p99", {"slow_share": 0.03, "slow_factor": 6}),
    ("latency_p90", {"slow_share": 1.0, "slow_factor": 3}),
    ("client_error_rate", {"client_error_share": 0.5}),
    ("restarts", {"restarts": 5}),
    ("memory_bytes", {"leak_mb_per_second": 0.5}),
    ("cpu_per_request", {"cpu_ms": 6.0}),
]


def heard(policy: JudgePolicy = POLICY, seed: int = 1, **faults: Any) -> Verdict:
    """A candidate with faults against a healthy baseline under the same load."""
    both = {k: v for k, v in faults.items() if k in ("rate", "seconds")}
    candidate, baseline = Made(**faults), Made(**both)
    return judge_series(candidate.series(seed), baseline.series(seed + 100_000), policy)


@pytest.mark.parametrize(("metric", "faults"), HARMS)
def test_each_harm_is_rolled_back_by_the_metric_that_shows_it(
    metric: str, faults: dict[str, Any]
) -> None:
    verdict = heard(seconds=240, **faults)
    assert verdict.outcome is Outcome.ROLLBACK
    assert verdict.judge == SEQUENTIAL
    assert verdict.metrics[0].name == metric
    assert metric in verdict.against
    assert verdict.metrics[0].reason in verdict.headline
    assert verdict.e_value is not None
    assert verdict.e_value >= 40


@pytest.mark.parametrize(("metric", "faults"), HARMS)
def test_harm_is_found_whatever_the_dice_and_the_load(metric: str, faults: dict[str, Any]) -> None:
    rulings = judge_recordings(
        [
            recorded(
                Made(rate=rate, seconds=240, **faults), Made(rate=rate, seconds=240), seed=seed
            )
            for rate in (50, 200)
            for seed in range(5)
        ]
    )
    assert {r.outcome for r in rulings} == {Outcome.ROLLBACK}
    named = Counter(r.metrics[0].name for r in rulings)
    assert named[metric] >= 9, named


def test_a_slower_middle_is_seen_though_the_tail_is_as_it_was() -> None:
    wide, narrow = Made(seconds=150, sigma=0.8), Made(seconds=150, median_ms=24, sigma=0.25)
    verdict = judge_series(narrow.series(1), wide.series(2), POLICY)
    assert verdict.outcome is Outcome.ROLLBACK
    assert verdict.metrics[0].name == "latency_p50"


def test_a_fifth_of_errors_is_seen_within_seconds_and_told_in_a_sentence() -> None:
    verdict = heard(rate=200, seconds=8, error_share=0.2)
    assert verdict.outcome is Outcome.ROLLBACK
    for part in ("requests failed on the candidate", "0 % of", "95 % interval", "margin"):
        assert part in verdict.headline


def test_a_long_clean_past_does_not_delay_the_alarm() -> None:
    at_once = heard(rate=100, seconds=10, error_share=0.5)
    later = heard(rate=100, seconds=310, error_share=0.5, faults_from=300)
    assert at_once.outcome is later.outcome is Outcome.ROLLBACK


def test_what_comes_after_harm_was_shown_changes_nothing() -> None:
    broken, fine = Made(error_share=1.0).series(1), Made(seconds=600).series(2)
    hearing = Hearing(POLICY)
    hearing.feed({Role.CANDIDATE: broken.row(t), Role.BASELINE: fine.row(t)} for t in range(30))
    verdict = hearing.verdict()
    hearing.feed({Role.CANDIDATE: fine.row(t), Role.BASELINE: fine.row(t)} for t in range(60))
    assert hearing.verdict() == verdict
    assert verdict.outcome is Outcome.ROLLBACK


def test_identical_builds_are_promoted_and_never_rolled_back() -> None:
    same = [r for rate in (50, 200, 1000) for r in identical(21, 240, rate)]
    found = Counter(r.outcome for r in judge_recordings(same))
    assert found[Outcome.ROLLBACK] == 0
    assert found[Outcome.PROMOTE] >= 60


def test_identical_builds_with_a_heavy_tail_are_not_rolled_back() -> None:
    same = [r for sigma in (0.8, 1.2) for r in identical(32, 200, 20, sigma=sigma)]
    assert Outcome.ROLLBACK not in {r.outcome for r in judge_recordings(same)}


def test_a_candidate_that_is_better_is_promoted() -> None:
    baseline = Made(rate=200, seconds=150, error_share=0.01, cpu_ms=6, memory_mb=120)
    better = Made(rate=200, seconds=150, median_ms=8, cpu_ms=3)
    assert judge_series(better.series(1), baseline.series(2), POLICY).outcome is Outcome.PROMOTE


def test_identical_builds_at_hardly_any_traffic_wait_for_more() -> None:
    found = Counter(r.outcome for r in judge_recordings(identical(40, 120, rate=2)))
    assert found == {Outcome.MANUAL: 40}


@pytest.mark.parametrize(("seconds", "rate"), [(0, 50), (3, 100), (29, 200), (60, 0.2)])
def test_too_little_is_never_a_pass_and_says_what_is_missing(seconds: int, rate: float) -> None:
    verdict = heard(seconds=seconds, rate=rate)
    assert verdict.outcome is Outcome.CONTINUE
    assert verdict.missing
    assert ("too little to judge" in verdict.headline) or (verdict.missing[0] in verdict.headline)


def test_what_is_missing_says_about_when_it_comes() -> None:
    missing = heard(seconds=55, rate=15).missing
    assert any("s more of the same would do" in line for line in missing)


def test_a_baseline_without_traffic_is_named_and_waited_for() -> None:
    verdict = judge_series(Made(seconds=90).series(1), Made(rate=0, seconds=90).series(2), POLICY)
    assert verdict.outcome is Outcome.CONTINUE
    assert "no request of the baseline for 90 s" in verdict.missing
    assert (verdict.candidate_requests > 0, verdict.baseline_requests) == (True, 0)


def test_a_candidate_whose_requests_cease_is_no_longer_promotable() -> None:
    fine = Made(rate=200, seconds=150).series(1)
    ceased = replace(fine, **{c: _from(getattr(fine, c), 130) for c in _COUNTS})
    assert judge_series(fine, Made(rate=200, seconds=150).series(2), POLICY).outcome == "PROMOTE"
    verdict = judge_series(ceased, Made(rate=200, seconds=150).series(2), POLICY)
    assert verdict.outcome is not Outcome.PROMOTE


_COUNTS = ("started", "succeeded", "failed", "client_errors", "latency")


def _from(column: np.ndarray, tick: int) -> np.ndarray:
    """The column with nothing in it from a tick on."""
    found = column.copy()
    found[tick:] = 0
    return found


@pytest.mark.parametrize("share", [0.5, 1.0])
def test_gross_errors_without_any_baseline_still_stop(share: float) -> None:
    failing = Made(seconds=60, error_share=share).series(1)
    for baseline in (Made(rate=0, seconds=60).series(2), Made(seconds=0).series(2)):
        verdict = judge_series(failing, baseline, POLICY)
        assert verdict.outcome is Outcome.ROLLBACK
        assert verdict.metrics[0].name == "error_rate"
        assert verdict.baseline_requests == 0


def gross_only(candidate: Series, earlier: Series) -> Verdict:
    hearing = Hearing(POLICY, reference=earlier)
    hearing.feed({Role.CANDIDATE: candidate.row(t)} for t in range(len(candidate)))
    return hearing.verdict()


@pytest.mark.parametrize(
    ("faults", "metric"),
    [
        ({"error_share": 0.3}, "error_rate"),
        ({"hang_share": 1.0}, "hanging"),
        ({"slow_share": 1.0, "slow_factor": 5}, "latency_p90"),
        ({"restarts": 5}, "restarts"),
    ],
)
def test_an_earlier_baseline_serves_to_see_gross_harm(faults: dict[str, Any], metric: str) -> None:
    earlier = Made(seconds=60, rate=25).series(2)
    verdict = gross_only(Made(rate=200, seconds=90, **faults).series(1), earlier)
    assert verdict.outcome is Outcome.ROLLBACK
    assert verdict.metrics[0].name == metric


def test_without_even_an_earlier_baseline_failures_of_most_requests_are_seen() -> None:
    nothing = Made(seconds=0).series(2)
    assert gross_only(Made(rate=200).series(1), nothing).outcome is Outcome.CONTINUE
    failing = gross_only(Made(rate=200, error_share=0.7).series(1), nothing)
    assert failing.outcome is Outcome.ROLLBACK


@pytest.mark.parametrize(
    "faults", [{}, {"slow_share": 0.03, "slow_factor": 6}, {"client_error_share": 0.5}]
)
def test_an_earlier_baseline_serves_for_nothing_else(faults: dict[str, Any]) -> None:
    earlier = Made(seconds=60, rate=25).series(2)
    verdict = gross_only(Made(rate=200, seconds=150, **faults).series(1), earlier)
    assert verdict.outcome is Outcome.CONTINUE
    assert verdict.headline == "no gross harm"
    assert verdict.missing == (NOT_SIMULTANEOUS,)


def test_harm_to_both_sides_is_not_promoted() -> None:
    for share, since in ((0.3, 0), (0.08, 60), (0.04, 90)):
        sick = Made(rate=200, seconds=180, error_share=share, faults_from=since)
        verdict = judge_series(sick.series(1), sick.series(2), POLICY)
        assert verdict.outcome is not Outcome.PROMOTE, (share, since)
        assert any("harm to both is still harm" in line for line in verdict.missing)


def test_without_cpu_and_memory_figures_on_both_sides_a_release_can_be_promoted() -> None:
    candidate, baseline = (Made(rate=200, seconds=120).series(seed) for seed in (1, 2))
    blind = judge_series(without_costs(candidate), without_costs(baseline), POLICY)
    assert blind.outcome is Outcome.PROMOTE
    one_sided = judge_series(without_costs(candidate), baseline, POLICY)
    assert one_sided.outcome is Outcome.CONTINUE
    for metric in ("cpu_per_request", "memory_bytes"):
        assert any(line.startswith(metric) for line in one_sided.missing)


def test_a_complaint_about_the_data_keeps_a_healthy_build_from_being_promoted() -> None:
    hearing = Hearing(POLICY)
    mine, theirs = (Made(rate=200, seconds=120).series(seed) for seed in (1, 2))
    hearing.feed({Role.CANDIDATE: mine.row(t), Role.BASELINE: theirs.row(t)} for t in range(120))
    assert hearing.verdict().outcome is Outcome.PROMOTE
    held_back = hearing.verdict(["the candidate's copies are younger"])
    assert held_back.outcome is Outcome.CONTINUE
    assert "the candidate's copies are younger" in held_back.headline


def test_an_ignored_metric_does_not_speak() -> None:
    storm: dict[str, Any] = {"rate": 100, "seconds": 150, "client_error_share": 0.5}
    verdict = heard(replace(POLICY, ignored=("client_error_rate",)), **storm)
    assert verdict.outcome is Outcome.PROMOTE
    assert not verdict.against
    weights = {m.name: m.weight for m in verdict.metrics}
    assert weights["client_error_rate"] == 0
    assert heard(POLICY, **storm).outcome is Outcome.ROLLBACK


def test_an_ignored_metric_need_not_be_shown_harmless_either() -> None:
    slow: dict[str, Any] = {"rate": 100, "seconds": 120, "slow_share": 0.03, "slow_factor": 6}
    assert heard(POLICY, **slow).outcome is Outcome.ROLLBACK
    assert heard(replace(POLICY, ignored=("latency_p99",)), **slow).outcome is Outcome.PROMOTE


def test_the_services_own_constants_count() -> None:
    lenient = replace(POLICY, constants={"cpu_ratio": 3.0, "safe_resources": 3.5})
    costly: dict[str, Any] = {"rate": 100, "seconds": 150, "cpu_ms": 6.0}
    assert heard(lenient, **costly).outcome is Outcome.PROMOTE
    assert heard(POLICY, **costly).outcome is Outcome.ROLLBACK


def test_every_metric_has_its_figures_and_a_sentence() -> None:
    for verdict in (heard(seconds=60), heard(error_share=0.3), heard(seconds=10)):
        assert {m.name for m in verdict.metrics} == METRICS
        assert all(m.reason and m.weight and m.margin for m in verdict.metrics)
        assert all(m.candidate is not None and m.baseline is not None for m in verdict.metrics)
        assert sum(m.weight or 0.0 for m in verdict.metrics) == pytest.approx(1.0)


def test_intervals_hold_the_truth() -> None:
    verdict = heard(rate=200, seconds=60, client_error_share=0.06)
    found = {m.name: m for m in verdict.metrics}
    for name, ratio in (("client_error_rate", 3.0), ("latency_p90", 1.0), ("cpu_per_request", 1.0)):
        lower, upper = found[name].lower, found[name].upper
        assert lower is not None
        assert upper is not None
        assert lower <= ratio <= upper, name


def test_a_build_as_much_worse_as_is_allowed_is_hardly_ever_rolled_back() -> None:
    cases: list[tuple[dict[str, float], dict[str, float]]] = [
        ({"error_share": 0.01}, {"error_share": 0.0125}),
        ({"client_error_share": 0.05}, {"client_error_share": 0.09}),
        ({"cpu_ms": 5.0}, {"cpu_ms": 5.5}),
        ({"memory_mb": 80.0}, {"memory_mb": 87.0}),
    ]
    many = [
        recorded(Made(rate=100, seconds=150, **allowed), Made(rate=100, seconds=150, **usual), seed)
        for usual, allowed in cases
        for seed in range(32)
    ]
    assert [r.outcome for r in judge_recordings(many)].count(Outcome.ROLLBACK) <= 3
