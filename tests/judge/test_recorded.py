"""Readings of a live release become a stream: aligned, with its gaps, and none of it invented."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from davylamp.judge.recorded import NothingRecorded, recording_of, tick_at
from davylamp.judge.sample import LATENCY_BOUNDS_MS, Role, Sample
from davylamp.judge.stream_file import read_stream, write_stream

BEGAN = 1_700_000_000.0
BUCKETS = len(LATENCY_BOUNDS_MS) + 1


def reading(role: Role, at: float, count: int) -> Sample:
    """After `count` requests, of which each tenth failed; all in the sixth bucket."""
    latency = [0] * BUCKETS
    latency[5] = count
    failed = count // 10
    return Sample(
        service="checkout",
        role=role,
        release_id=1,
        at=BEGAN + at,
        started=count + 1,
        succeeded=count - failed,
        failed=failed,
        responses=(0, count - failed, 0, 0, failed),
        latency=tuple(latency),
        in_flight=1,
        cpu_seconds=count / 1000,
        memory_bytes=50e6,
        instances=1,
    )


def readings(times: list[float], rate: int = 20) -> dict[Role, list[Sample]]:
    return {
        role: [reading(role, at, round(rate * (n + 1) * at)) for at in times]
        for n, role in enumerate(Role)
    }


def test_every_side_has_the_same_ticks_and_no_request_is_lost() -> None:
    samples = readings([0, 1, 2.1, 2.9, 4, 5])
    found = recording_of(samples, id="r")
    assert found.stable is not None
    assert len(found) == len(found.baseline) == len(found.stable) == 5
    assert found.stable.completed.sum() == 100
    assert found.baseline.completed.sum() == 200
    assert found.canary.completed.sum() == 300
    assert found.canary.latency[:, 5].sum() == 300
    assert found.notes == ()


def test_a_clock_that_drifts_and_reads_that_are_late_make_no_gap() -> None:
    chance = np.random.default_rng(5)
    times = np.cumsum(1.02 + chance.uniform(-0.3, 0.3, 300)).tolist()
    found = recording_of(readings(times), id="r")
    assert len(found) == 299
    assert np.isfinite(found.canary.failed).all()


def test_a_missing_read_is_an_unknown_tick_and_the_next_one_has_its_requests() -> None:
    found = recording_of(readings([0, 1, 2, 4, 5]), id="r")
    assert np.isnan(found.canary.failed).tolist() == [False, False, True, False, False]
    assert found.canary.completed[[0, 1, 3, 4]].tolist() == [60, 60, 120, 60]
    assert found.notes == tuple(
        f"1 × no reading of the {side}" for side in ("stable", "baseline", "canary")
    )


def test_what_happened_in_a_long_silence_is_not_told_as_one_tick() -> None:
    found = recording_of(readings([0, 1, 31, 32]), id="r")
    assert len(found) == 32
    assert np.isfinite(found.canary.failed).sum() == 2


def test_a_side_that_was_not_read_is_unknown_where_the_others_are_known() -> None:
    samples = readings([0, 1, 2, 3, 4])
    del samples[Role.BASELINE][2]
    found = recording_of(samples, id="r")
    assert np.isnan(found.baseline.failed).tolist() == [False, True, False, False]
    assert np.isfinite(found.canary.failed).all()
    assert found.baseline.completed[2] == 80


def test_counters_that_go_back_make_their_tick_unknown() -> None:
    samples = readings([0, 1, 2, 3])
    shifted = samples[Role.CANDIDATE]
    samples[Role.CANDIDATE] = [*shifted[:2], *readings([0.5, 1.5])[Role.CANDIDATE]]
    samples[Role.CANDIDATE][2:] = [
        replace(late, at=early.at)
        for late, early in zip(samples[Role.CANDIDATE][2:], shifted[2:], strict=True)
    ]
    found = recording_of(samples, id="r")
    assert np.isnan(found.canary.failed).tolist() == [False, True, False]


def test_a_restart_in_an_unknown_tick_is_told_by_the_next_one() -> None:
    samples = readings([0, 1, 2, 3, 4])
    before, after = samples[Role.CANDIDATE][:2], readings([0.1, 1.1, 2.1])[Role.CANDIDATE]
    samples[Role.CANDIDATE] = before + [
        replace(s, at=BEGAN + 2 + n, restarts=1) for n, s in enumerate(after)
    ]
    found = recording_of(samples, id="r")
    assert np.isnan(found.canary.failed).tolist() == [False, True, False, False]
    assert found.canary.restarts[[0, 2, 3]].tolist() == [0, 1, 0]


def test_only_the_time_between_both_moments_is_recorded() -> None:
    found = recording_of(readings([0, 1, 2, 3, 4, 5, 6]), id="r", since=BEGAN + 2, until=BEGAN + 5)
    assert len(found) == 3
    assert tick_at(found, BEGAN) == 0
    assert tick_at(found, BEGAN + 3.5) == 1
    assert tick_at(found, BEGAN + 99) == 2


def test_a_release_without_a_baseline_has_nothing_to_record() -> None:
    samples = readings([0, 1, 2])
    samples[Role.BASELINE] = []
    with pytest.raises(NothingRecorded):
        recording_of(samples, id="r")


def test_a_recording_is_read_back_from_its_stream_file_as_it_was() -> None:
    made = recording_of(readings([0, 1, 2, 4, 5]), id="r", share={"canary": 0.3})
    read = read_stream(write_stream(made))
    assert (read.id, len(read), read.share) == ("r", 5, {"canary": 0.3})
    assert read.stable is not None
    assert made.stable is not None
    for mine, theirs in (
        (made.canary, read.canary),
        (made.baseline, read.baseline),
        (made.stable, read.stable),
    ):
        for column in ("failed", "started", "in_flight", "cpu_seconds", "memory_bytes"):
            left, right = (np.round(getattr(s, column), 3) for s in (mine, theirs))
            assert np.array_equal(left, right, equal_nan=True), column
        assert np.array_equal(mine.latency, theirs.latency, equal_nan=True)
    assert set(read.notes) == set(made.notes)
    assert math.isclose(read.canary.completed[0], 60)
