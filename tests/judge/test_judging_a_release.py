"""What the judge says of made-up releases, harmless and harmful."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from davylamp.judge.hearing import judge
from davylamp.judge.policy import GrossHarm, JudgePolicy
from davylamp.judge.sample import Series
from davylamp.judge.verdict import Evidence, Outcome, Verdict

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
}


@pytest.fixture(scope="session")
def hear(make: Callable[..., Any]) -> Callable[..., Verdict]:
    """Judge a candidate with faults against a healthy baseline under the same load."""

    def heard(seed: int = 1, policy: JudgePolicy = POLICY, **faults: Any) -> Verdict:
        both = {k: v for k, v in faults.items() if k in ("rate", "seconds", "sigma")}
        candidate, baseline = make(**faults), make(**both)
        evidence = Evidence(
            candidate.series(seed), baseline.series(seed + 100_000), candidate.seconds
        )
        return judge(evidence, policy)

    return heard


def outcomes(hear: Callable[..., Verdict], tries: int, **faults: Any) -> Counter[Outcome]:
    return Counter(hear(seed, **faults).outcome for seed in range(tries))


def test_identical_builds_are_promoted(hear: Callable[..., Verdict]) -> None:
    found: Counter[Outcome] = Counter()
    for rate, seconds in ((2, 60), (5, 30), (10, 15), (25, 15), (50, 10), (50, 60), (200, 30)):
        found += outcomes(hear, 30, rate=rate, seconds=seconds)
    assert found.total() >= 200
    assert found[Outcome.ROLLBACK] <= 0.01 * found.total()
    assert found[Outcome.PROMOTE] >= 0.97 * found.total()


@pytest.mark.parametrize("sigma", [0.8, 1.2])
def test_identical_builds_with_a_heavy_tail_are_hardly_ever_rolled_back(
    hear: Callable[..., Verdict], sigma: float
) -> None:
    found = outcomes(hear, 60, rate=20, seconds=30, sigma=sigma)
    assert found[Outcome.ROLLBACK] <= 2
    assert found[Outcome.PROMOTE] >= 50


@pytest.mark.parametrize("rate", [25, 200])
@pytest.mark.parametrize(
    ("metric", "faults"),
    [
        ("error_rate", {"error_share": 0.2}),
        ("error_rate", {"error_share": 0.05}),
        ("error_rate", {"hang_share": 0.1, "hang_seconds": 1}),
        ("hanging", {"hang_share": 1.0, "seconds": 12}),
        ("latency_p99", {"slow_share": 1.0, "slow_factor": 3}),
        ("latency_p99", {"slow_share": 0.02, "slow_factor": 6, "seconds": 60}),
    ],
)
def test_harm_is_never_promoted_and_nearly_always_rolled_back(
    hear: Callable[..., Verdict], rate: int, metric: str, faults: dict[str, Any]
) -> None:
    heard = [hear(seed, rate=rate, **faults) for seed in range(20)]
    found = Counter(v.outcome for v in heard)
    assert found[Outcome.PROMOTE] == 0
    assert found[Outcome.ROLLBACK] >= 19
    assert all(metric in v.against for v in heard if v.outcome is Outcome.ROLLBACK)


def test_a_fifth_of_errors_stops_a_release_within_seconds(hear: Callable[..., Verdict]) -> None:
    verdict = hear(rate=100, seconds=4, error_share=0.2)
    assert verdict.outcome is Outcome.ROLLBACK
    assert verdict.judge == "early-stop"
    assert "requests failed on the candidate, 0 % of" in verdict.headline
    assert "gross harm: p = " in verdict.headline


def test_a_long_clean_past_does_not_delay_the_alarm(hear: Callable[..., Verdict]) -> None:
    verdict = hear(rate=100, seconds=303, error_share=0.5, faults_from=300)
    assert (verdict.outcome, verdict.judge) == (Outcome.ROLLBACK, "early-stop")


def test_client_errors_alone_wait_for_a_human(hear: Callable[..., Verdict]) -> None:
    verdict = hear(client_error_share=0.3)
    assert verdict.outcome is Outcome.MANUAL
    assert verdict.against == ("client_error_rate",)


def test_a_critical_metric_alone_rolls_back(hear: Callable[..., Verdict]) -> None:
    critical = replace(POLICY, critical=("client_error_rate",))
    assert hear(policy=critical, client_error_share=0.3).outcome is Outcome.ROLLBACK


def test_an_ignored_metric_does_not_speak(hear: Callable[..., Verdict]) -> None:
    verdict = hear(policy=replace(POLICY, ignored=("client_error_rate",)), client_error_share=0.3)
    assert verdict.outcome is Outcome.PROMOTE
    assert "client_error_rate" not in {m.name for m in verdict.metrics}


def test_a_crash_loop_stops_a_release(hear: Callable[..., Verdict]) -> None:
    verdict = hear(restarts=4, seconds=60)
    assert verdict.outcome is Outcome.ROLLBACK
    assert verdict.headline.startswith("the candidate was restarted 4 times")
    assert hear(restarts=1, seconds=60).outcome is Outcome.PROMOTE


def test_every_metric_has_its_figures_and_unit(hear: Callable[..., Verdict]) -> None:
    for verdict in (hear(), hear(error_share=0.3), hear(seconds=2)):
        assert {m.name for m in verdict.metrics} == METRICS
        assert all(m.unit and m.reason for m in verdict.metrics)
        assert all(m.candidate is not None and m.baseline is not None for m in verdict.metrics)


def test_the_other_rule_is_asked_too(hear: Callable[..., Verdict]) -> None:
    verdict = hear(policy=replace(POLICY, rule="score"), client_error_share=0.3)
    assert verdict.judge == "score"
    assert verdict.outcome is Outcome.PROMOTE
    assert verdict.score == pytest.approx(87.5)
    assert verdict.other_opinions == {"fail-ratio": "MANUAL"}


@pytest.mark.parametrize(("seconds", "rate"), [(3, 100), (60, 0.2), (0, 10)])
def test_too_little_is_never_a_pass_and_says_what_is_missing(
    hear: Callable[..., Verdict], seconds: int, rate: float
) -> None:
    verdict = hear(seconds=seconds, rate=rate)
    assert verdict.outcome is Outcome.CONTINUE
    assert verdict.missing
    assert "too little to judge" in verdict.headline


def test_what_is_missing_says_about_when_it_comes(hear: Callable[..., Verdict]) -> None:
    verdict = hear(seconds=20, rate=4, policy=replace(POLICY, minimum_requests=400))
    assert any("of 400 requests (about " in line and "s more)" in line for line in verdict.missing)


def test_a_baseline_without_traffic_is_waited_for(make: Callable[..., Any]) -> None:
    verdict = judge(Evidence(make().series(1), make(rate=0).series(2), 30), POLICY)
    assert verdict.outcome is Outcome.CONTINUE
    assert any("baseline has 0 of" in line for line in verdict.missing)


def test_gross_errors_without_any_baseline_traffic_still_stop(make: Callable[..., Any]) -> None:
    failing = make(error_share=0.5).series(1)
    verdict = judge(Evidence(failing, make(rate=0).series(2), 30), POLICY)
    assert (verdict.outcome, verdict.judge) == (Outcome.ROLLBACK, "early-stop")
    assert "the baseline had none" in verdict.headline


def test_an_earlier_baseline_serves_for_gross_harm_only(make: Callable[..., Any]) -> None:
    earlier = make(seconds=15, rate=25).series(2)
    fine = judge(Evidence(make(rate=200).series(1), earlier, 30, simultaneous=False), POLICY)
    assert fine.outcome is Outcome.CONTINUE
    assert "no gross harm" in fine.headline
    broken = make(rate=200, error_share=0.3).series(1)
    stopped = judge(Evidence(broken, earlier, 30, simultaneous=False), POLICY)
    assert (stopped.outcome, stopped.judge) == (Outcome.ROLLBACK, "early-stop")


def test_worse_than_allowed_but_perhaps_by_chance_waits_for_more(
    hear: Callable[..., Verdict],
) -> None:
    """Five requests in a hundred fail: with 60 requests that can't be told from bad luck."""
    found = outcomes(hear, 40, rate=5, seconds=12, error_share=0.05)
    assert found[Outcome.CONTINUE] > found[Outcome.PROMOTE]
    assert found[Outcome.ROLLBACK] < found[Outcome.CONTINUE]


def test_harm_to_both_sides_is_not_promoted(make: Callable[..., Any]) -> None:
    sick = make(rate=100, seconds=60, error_share=0.3)
    verdict = judge(Evidence(sick.series(1), sick.series(2), 60), POLICY)
    assert verdict.outcome is Outcome.MANUAL
    assert "of the candidate's requests fail" in verdict.headline


def test_without_cpu_and_memory_figures_on_both_sides_a_release_can_be_promoted(
    make: Callable[..., Any],
) -> None:
    candidate, baseline = (_blind(make().series(seed)) for seed in (1, 2))
    assert judge(Evidence(candidate, baseline, 30), POLICY).outcome is Outcome.PROMOTE
    one_sided = judge(Evidence(candidate, make().series(2), 30), POLICY)
    assert one_sided.outcome is Outcome.MANUAL
    assert any("cpu_per_request" in line for line in one_sided.missing)


def _blind(series: Series) -> Series:
    unknown = np.full(len(series), np.nan)
    return replace(series, cpu_seconds=unknown, memory_bytes=unknown)


def test_the_policys_own_bounds_of_gross_harm_count(make: Callable[..., Any]) -> None:
    evidence = Evidence(make(error_share=0.2).series(1), make().series(2), 30)
    lenient = replace(POLICY, gross=GrossHarm(error_rate=0.5))
    assert judge(evidence, POLICY).judge == "early-stop"
    assert judge(evidence, lenient).judge == "fail-ratio"
    assert judge(evidence, lenient).outcome is Outcome.ROLLBACK


def test_longer_intervals_judge_the_same_requests(hear: Callable[..., Verdict]) -> None:
    policy = replace(POLICY, interval_seconds=5.0)
    assert hear(policy=policy, seconds=60).outcome is Outcome.PROMOTE
    assert hear(policy=policy, seconds=60, error_share=0.04).outcome is Outcome.ROLLBACK
