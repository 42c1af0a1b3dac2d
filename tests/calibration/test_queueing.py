"""The queueing generator: nothing is lost, sides are alike, and harm shows where it should."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest

from benchmarks.calibration.queueing import (
    HARMFUL_MAJOR,
    HARMFUL_MINOR,
    HARMLESS,
    UNEQUAL,
    queueing_stream,
)
from davylamp.judge.recording import Recording
from davylamp.judge.sample import Floats, Series

ONSET = 40


@cache
def stream(scenario: str, seed: int, harm: str | None = None) -> Recording:
    return queueing_stream(scenario, 12, seed, harm=harm, onset_tick=ONSET, ticks=200)


def sides(recording: Recording) -> list[Series]:
    assert recording.stable is not None
    return [recording.canary, recording.baseline, recording.stable]


def share_failed(side: Series, since: int = 0) -> float:
    return float(side.failed[since:].sum() / side.completed[since:].sum())


def mean_bucket(side: Series, since: int = 0) -> float:
    """Mean of the latency's logarithm, in buckets."""
    counts = side.latency[since:].sum(axis=0)
    return float(counts @ np.arange(len(counts)) / counts.sum())


@pytest.mark.parametrize("scenario", ["mixed", "overload"])
def test_the_same_seed_gives_the_same_stream_and_another_seed_another(scenario: str) -> None:
    one, same, other = (queueing_stream(scenario, 5, seed, ticks=90) for seed in (7, 7, 8))
    for a, b in zip(sides(one), sides(same), strict=True):
        for name, column in vars(a).items():
            np.testing.assert_array_equal(column, vars(b)[name])
    assert not np.array_equal(one.canary.started, other.canary.started)


@pytest.mark.parametrize("scenario", [*HARMLESS, *UNEQUAL])
def test_every_request_ends_once_or_is_in_flight(scenario: str) -> None:
    for side in sides(stream(scenario, 1)):
        before = np.concatenate([[0.0], side.in_flight[:-1]])
        np.testing.assert_array_equal(side.started - side.completed, side.in_flight - before)
        assert (side.in_flight >= 0).all()
        assert (side.succeeded >= side.client_errors).all()
        assert side.latency.sum() <= side.completed.sum()


def test_requests_lost_in_a_crash_are_failed_and_have_no_latency() -> None:
    crashed = stream("calm", 2, "crash_loop").canary
    assert crashed.restarts.sum() > 0
    assert np.isnan(crashed.cpu_seconds[crashed.restarts > 0]).all()
    assert crashed.completed.sum() + crashed.in_flight[-1] == crashed.started.sum()
    assert crashed.latency.sum() < crashed.completed.sum()


@pytest.mark.parametrize("scenario", HARMLESS)
def test_slices_are_stable_cut_into_pieces(scenario: str) -> None:
    recording = stream(scenario, 3)
    slices, stable = recording.slices, recording.stable
    assert slices is not None
    assert stable is not None
    assert 3 <= slices.completed.shape[1] <= 6
    np.testing.assert_array_equal(slices.completed.sum(axis=1), stable.completed)
    np.testing.assert_array_equal(slices.failed.sum(axis=1), stable.failed)
    fine = [recording.bounds_ms.index(bound) for bound in slices.bounds_ms]
    below = np.cumsum(stable.latency, axis=1)[:, fine]
    np.testing.assert_array_equal(
        np.cumsum(slices.latency.sum(axis=1), axis=1)[:, : len(fine)], below
    )


def test_buckets_are_no_wider_than_the_judge_can_use() -> None:
    bounds = np.array(stream("calm", 1).bounds_ms)
    assert (bounds[1:] / bounds[:-1] <= 1.25).all()
    assert bounds[0] <= 0.5
    assert bounds[-1] > 45_000


def test_stable_takes_most_of_the_traffic_and_may_be_left_out() -> None:
    with_stable = stream("calm", 4)
    assert with_stable.stable is not None
    assert with_stable.stable.started.sum() > 3 * with_stable.canary.started.sum()
    alone = queueing_stream("calm", 12, 4, ticks=60, with_stable=False)
    assert alone.stable is None
    assert alone.slices is None
    assert alone.canary.started.mean() == pytest.approx(12, rel=0.5)


@pytest.mark.slow
@pytest.mark.parametrize("scenario", HARMLESS)
def test_harmless_weather_does_not_know_which_side_is_the_canary(scenario: str) -> None:
    differences: list[Floats] = []
    for seed in range(40):
        pair = queueing_stream(scenario, 4, 1000 + seed, ticks=80)
        differences.append(
            np.array(
                [
                    read(pair.canary) - read(pair.baseline)
                    for read in (share_failed, mean_bucket, lambda s: s.memory_bytes.mean())
                ]
            )
        )
    signs = np.sign(np.array(differences))
    assert (np.abs(signs.sum(axis=0)) <= 4 * np.sqrt(np.abs(signs).sum(axis=0))).all()


@pytest.mark.parametrize("harm", [*HARMFUL_MAJOR, *HARMFUL_MINOR])
def test_harm_begins_at_its_onset_and_not_before(harm: str) -> None:
    healthy, bad = stream("calm", 5), stream("calm", 5, harm)
    for a, b in zip(sides(healthy), sides(bad), strict=True):
        for name, column in vars(a).items():
            np.testing.assert_array_equal(column[: ONSET - 1], vars(b)[name][: ONSET - 1])
    assert any(
        not np.array_equal(column[ONSET:], vars(bad.canary)[name][ONSET:], equal_nan=True)
        for name, column in vars(healthy.canary).items()
    )


@pytest.mark.parametrize(("harm", "share"), [("errors_100", 1.0), ("errors_20", 0.2)])
def test_exceptions_fail_their_share(harm: str, share: float) -> None:
    bad = stream("calm", 6, harm)
    assert share_failed(bad.canary, ONSET + 5) == pytest.approx(share, abs=0.04)
    assert share_failed(bad.baseline, ONSET + 5) < 0.02


@pytest.mark.parametrize("harm", ["slow_code_x2", "slow_code_x3", "slow_sql"])
def test_slow_code_shows_in_the_latency_of_the_canary_alone(harm: str) -> None:
    healthy, bad = stream("calm", 7), stream("calm", 7, harm)
    assert mean_bucket(bad.canary, ONSET) > mean_bucket(healthy.canary, ONSET) + 0.5
    assert mean_bucket(bad.baseline, ONSET) < mean_bucket(healthy.baseline, ONSET) + 0.5


def test_a_steep_leak_grows_until_the_process_is_killed() -> None:
    bad = stream("calm", 8, "steep_leak").canary
    assert bad.restarts.sum() > 0
    assert np.nanmax(bad.memory_bytes) > 1.3 * bad.memory_bytes[ONSET - 1]


def test_leaked_threads_end_in_a_hang() -> None:
    for seed in range(9, 13):
        healthy, bad = stream("calm", seed), stream("calm", seed, "thread_leak")
        assert bad.canary.in_flight.max() > healthy.canary.in_flight.max()
        assert share_failed(bad.canary, 150) > 0.5
        assert share_failed(bad.baseline, 150) < 0.05


def test_a_locked_database_hurts_both_sides() -> None:
    rates = np.array(
        [
            [share_failed(side, ONSET) for side in sides(stream("calm", seed, "database_lock"))]
            for seed in range(6)
        ]
    )
    healthy = np.array(
        [[share_failed(side, ONSET) for side in sides(stream("calm", seed))] for seed in range(6)]
    )
    assert (np.median(rates, axis=0) > 5 * np.median(healthy, axis=0)).all()
    assert np.median(rates[:, 0]) < 3 * np.median(rates[:, 1])


def test_a_401_storm_is_no_failure_but_a_client_error() -> None:
    bad = stream("calm", 10, "storm_401").canary
    assert bad.client_errors[ONSET:].sum() > 0.25 * bad.completed[ONSET:].sum()
    assert share_failed(bad, ONSET) < 0.02
