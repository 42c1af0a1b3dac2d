"""The rivals' rules, on streams made by hand with known answers."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from benchmarks.calibration.rivals import (
    RIVALS,
    argo_rollouts,
    by_fail_ratio,
    by_score,
    flagger,
    kayenta_each_minute,
    kayenta_fixed_window,
)
from benchmarks.calibration.rivals_window import histogram_quantile, windows
from davylamp.judge.recording import Recording, series_from
from davylamp.judge.sample import Series
from davylamp.judge.verdict import Outcome

BOUNDS = (10.0, 100.0, 400.0, 600.0)
REQUESTS = 100.0


def side(minutes: list[float], *, slow: tuple[int, ...] = (), jitter: float = 0.0) -> Series:
    """100 requests a second; `minutes` are their failed shares; `slow` minutes take 400–600 ms.

    Every minute's failed share, CPU and memory may be made a little different by `jitter`.
    """
    ticks = 60 * len(minutes)
    wobble = 1 + jitter * np.repeat(np.sin(1.0 + np.arange(len(minutes))), 60)
    latency = np.zeros((ticks, len(BOUNDS) + 1))
    latency[:, 1] = REQUESTS
    for minute in slow:
        latency[60 * minute : 60 * (minute + 1)] = (0, 0, 0, REQUESTS, 0)
    return series_from(
        completed=np.full(ticks, REQUESTS),
        failed=REQUESTS * np.repeat(minutes, 60) * wobble,
        latency=latency,
        cpu_seconds=0.1 * wobble,
        memory_bytes=1e8 * wobble,
    )


def stream(canary: Series, baseline: Series | None = None) -> Recording:
    other = side([0.001] * (len(canary) // 60), jitter=0.01) if baseline is None else baseline
    return Recording("by hand", 1.0, BOUNDS, canary=canary, baseline=other)


def minute(n: int) -> int:
    """The last tick of the n-th minute, counted from 1."""
    return 60 * n - 1


def test_a_window_says_what_happened_in_it() -> None:
    found = windows(stream(side([0.0, 0.25], slow=(1,))), side([0.0, 0.25], slow=(1,)))
    assert [w.last_tick for w in found] == [59, 119]
    assert [w.error_share for w in found] == [0.0, 0.25]
    assert found[1].p50_ms == pytest.approx(500)
    assert found[0].cpu_per_request_s == pytest.approx(0.001)
    assert found[0].memory_bytes == 1e8


def test_a_rest_that_is_no_whole_window_is_left_out() -> None:
    canary = side([0.0, 0.0])
    cut = Series(**{name: column[:90] for name, column in vars(canary).items()})
    assert len(windows(stream(cut, cut), cut)) == 1


def test_a_quantile_is_linear_within_its_bucket_and_ends_at_the_last_bound() -> None:
    assert histogram_quantile(0.5, (10.0, 20.0), np.array([0.0, 4.0, 0.0])) == 15
    assert histogram_quantile(0.25, (10.0, 20.0), np.array([2.0, 2.0, 0.0])) == 5
    assert histogram_quantile(0.99, (10.0, 20.0), np.array([1.0, 1.0, 8.0])) == 20
    assert math.isnan(histogram_quantile(0.5, (10.0, 20.0), np.zeros(3)))


def test_flagger_rolls_back_at_the_fifth_failed_check() -> None:
    verdict = flagger(stream(side([0.0, 0.0] + [0.2] * 8)))
    assert (verdict.outcome, verdict.at_tick) == (Outcome.ROLLBACK, minute(7))


def test_flaggers_failed_checks_add_up_though_good_ones_lie_between() -> None:
    verdict = flagger(stream(side([0.02, 0.0] * 5)))
    assert (verdict.outcome, verdict.at_tick) == (Outcome.ROLLBACK, minute(9))


def test_flagger_needs_ten_good_runs_and_a_failed_one_delays() -> None:
    assert flagger(stream(side([0.005] * 10))).outcome is Outcome.PROMOTE
    assert flagger(stream(side([0.02] + [0.0] * 9))).outcome is Outcome.CONTINUE
    later = flagger(stream(side([0.02] + [0.0] * 11)))
    assert (later.outcome, later.at_tick) == (Outcome.PROMOTE, minute(11))


def test_flagger_fails_a_check_above_half_a_second_and_when_nothing_came() -> None:
    slow = stream(side([0.0] * 10, slow=(0, 1, 2, 3, 4)))
    assert (flagger(slow).outcome, flagger(slow).at_tick) == (Outcome.ROLLBACK, minute(5))
    assert flagger(slow, longest_p99_ms=math.inf).outcome is Outcome.PROMOTE
    quiet = side([0.0] * 10)
    nothing = np.zeros(len(quiet))
    quiet = replace(quiet, succeeded=nothing, failed=nothing, latency=0 * quiet.latency)
    assert flagger(stream(quiet)).outcome is Outcome.ROLLBACK


def test_flagger_never_looks_at_the_baseline() -> None:
    bad = side([0.2] * 10)
    assert flagger(stream(bad, bad)).outcome is Outcome.ROLLBACK
    assert flagger(stream(side([0.009] * 10), side([0.0] * 10))).outcome is Outcome.PROMOTE


@pytest.mark.parametrize(("limit", "at"), [(0, 3), (3, 6)])
def test_argo_fails_when_more_than_the_limit_have_failed(limit: int, at: int) -> None:
    bad = stream(side([0.0, 0.0] + [0.2] * 8))
    verdict = argo_rollouts(bad, least_success=0.99, failure_limit=limit)
    assert (verdict.outcome, verdict.at_tick) == (Outcome.ROLLBACK, minute(at))


def test_argo_at_the_condition_itself_succeeds_and_three_failures_of_three_are_allowed() -> None:
    exact = stream(side([0.05] * 10))
    assert argo_rollouts(exact, least_success=0.95, failure_limit=0).outcome is Outcome.PROMOTE
    three = stream(side([0.02] * 3 + [0.0] * 7))
    verdict = argo_rollouts(three, least_success=0.99, failure_limit=3)
    assert (verdict.outcome, verdict.at_tick) == (Outcome.PROMOTE, minute(10))


def test_argo_counts_a_measurement_of_nothing_as_failed() -> None:
    quiet = side([0.0] * 10)
    quiet = replace(quiet, succeeded=np.zeros(600), failed=np.zeros(600))
    verdict = argo_rollouts(stream(quiet), least_success=0.99, failure_limit=3)
    assert (verdict.outcome, verdict.at_tick) == (Outcome.ROLLBACK, minute(4))


def test_argo_is_still_running_when_the_stream_ends_too_soon() -> None:
    short = argo_rollouts(stream(side([0.0] * 4)), least_success=0.99, failure_limit=0)
    assert short.outcome is Outcome.CONTINUE


def test_kayenta_with_its_error_metric_critical_rolls_back_at_the_end_only() -> None:
    bad = stream(side([0.2] * 10, jitter=0.01))
    verdict = kayenta_fixed_window(bad, error_critical=True)
    assert (verdict.outcome, verdict.at_tick) == (Outcome.ROLLBACK, minute(10))


def test_kayenta_passes_a_canary_that_fails_every_request_if_errors_are_one_of_six() -> None:
    """The weakness of the published rule that its report must name: five of six metrics pass."""
    dead = stream(side([1.0] * 10))
    assert kayenta_fixed_window(dead, error_critical=False).outcome is Outcome.PROMOTE
    by_ratio = kayenta_fixed_window(dead, error_critical=False, rule=by_fail_ratio)
    assert by_ratio.outcome is Outcome.MANUAL
    strict = kayenta_fixed_window(dead, error_critical=False, rule=by_score(95, 75))
    assert strict.outcome is Outcome.MANUAL


def test_kayenta_promotes_a_build_that_is_the_same() -> None:
    same = side([0.001] * 10, jitter=0.05)
    for judged in (kayenta_fixed_window, kayenta_each_minute):
        verdict = judged(stream(same, same), error_critical=True)
        assert (verdict.outcome, verdict.at_tick) == (Outcome.PROMOTE, minute(10))


def test_kayenta_looking_each_minute_stops_at_the_first_look_that_fails() -> None:
    bad = stream(side([0.2] * 10, jitter=0.01))
    for first_look in (3, 6):
        verdict = kayenta_each_minute(bad, error_critical=True, first_look=first_look)
        assert (verdict.outcome, verdict.at_tick) == (Outcome.ROLLBACK, minute(first_look))


def test_kayenta_looking_each_minute_is_held_up_by_one_good_minute_until_the_eighth() -> None:
    """Seven bad points of eight reach 98 %, six of seven don't: the past weighs on the test."""
    late = stream(side([0.001] + [0.3] * 9, jitter=0.01))
    verdict = kayenta_each_minute(late, error_critical=True)
    assert (verdict.outcome, verdict.at_tick) == (Outcome.ROLLBACK, minute(8))


def test_kayenta_leaves_out_what_nobody_measured() -> None:
    canary, baseline = side([0.2] * 10, jitter=0.01), side([0.001] * 10, jitter=0.01)
    unknown = np.full(600, np.nan)
    canary, baseline = (
        replace(s, cpu_seconds=unknown, memory_bytes=unknown) for s in (canary, baseline)
    )
    verdict = kayenta_fixed_window(stream(canary, baseline), error_critical=True)
    assert verdict.outcome is Outcome.ROLLBACK


def test_kayenta_has_no_verdict_on_less_than_a_minute() -> None:
    short = Series(**{name: column[:30] for name, column in vars(side([0.0])).items()})
    found = Recording("short", 1.0, BOUNDS, canary=short, baseline=short)
    for judged in (kayenta_fixed_window, kayenta_each_minute):
        assert judged(found, error_critical=True).outcome is Outcome.CONTINUE


@pytest.mark.parametrize("name", RIVALS)
def test_every_rival_in_the_table_gives_a_verdict_on_the_same_stream(name: str) -> None:
    verdict = RIVALS[name](stream(side([0.0] * 5 + [0.5] * 5, jitter=0.01)))
    assert 0 <= verdict.at_tick < 600
    assert isinstance(verdict.outcome, Outcome)
