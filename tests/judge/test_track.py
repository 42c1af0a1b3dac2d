"""The evidence over time is that of the hearing which decides."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.calibration.noises import Harm, noise_stream
from davylamp.judge.hearing import Hearing
from davylamp.judge.named_metrics import (
    MetricKind,
    NamedReading,
    NamedRule,
    NamedTick,
    RatioReading,
)
from davylamp.judge.policy import JudgePolicy
from davylamp.judge.sample import Role, Sample, series_of
from davylamp.judge.sequential.policy import METRICS
from davylamp.judge.track import TrackedHearing
from davylamp.judge.verdict import Outcome
from tests.release_defs.streams import BEGAN, samples_of

POLICY = JudgePolicy()


def readings(
    ticks: int = 120, sides: int = 2, harm: Harm | None = None
) -> dict[Role, list[Sample]]:
    return samples_of(noise_stream("bursts", 80, 5, ticks=ticks, sides=sides, harm=harm))


@pytest.mark.parametrize("sides", [2, 3])
def test_a_tracked_hearing_says_what_any_hearing_says(sides: int) -> None:
    samples = readings(sides=sides)
    tracked, plain = TrackedHearing(POLICY), Hearing(POLICY)
    tracked.hear(samples)
    plain.hear(samples)

    assert tracked.verdict() == plain.verdict()
    assert np.exp(tracked.track().harm[-1]) == pytest.approx(plain.verdict().e_value)


def test_the_parts_add_up_to_the_whole_at_every_tick() -> None:
    hearing = TrackedHearing(POLICY)
    hearing.hear(readings())

    track = hearing.track()

    assert track.parts.shape == (len(track), len(METRICS))
    assert np.exp(track.parts).sum(axis=1) == pytest.approx(np.exp(track.harm))
    assert np.diff(track.at) == pytest.approx(1.0)
    assert track.at[0] == BEGAN + 1


def test_it_ends_where_harm_is_shown_and_above_the_threshold_there_alone() -> None:
    hearing = TrackedHearing(POLICY)
    hearing.hear(readings(harm=Harm("errors", 0.3, 40)))

    track = hearing.track()

    assert hearing.verdict().outcome is Outcome.ROLLBACK
    assert len(track) < 60
    assert np.flatnonzero(np.exp(track.harm) >= track.thresholds.rollback).tolist() == [
        len(track) - 1
    ]
    assert list(METRICS)[int(np.argmax(track.parts[-1]))] == "error_rate"


def test_feeding_tick_by_tick_and_in_one_go_leave_the_same_track() -> None:
    samples = readings(ticks=40)
    whole, piecewise = TrackedHearing(POLICY), TrackedHearing(POLICY)
    whole.hear(samples)
    for t in range(41):
        piecewise.hear({role: [found[t]] for role, found in samples.items()})

    assert np.array_equal(whole.track().at, piecewise.track().at)
    assert np.array_equal(whole.track().parts, piecewise.track().parts)


def test_a_second_without_a_reading_is_a_tick_of_its_own() -> None:
    samples = {role: found[:20] + found[23:] for role, found in readings(ticks=40).items()}
    hearing = TrackedHearing(POLICY)
    hearing.hear(samples)

    assert np.diff(hearing.track().at).tolist() == [1.0] * (len(hearing.track()) - 1)
    assert hearing.track().at[-1] == BEGAN + 40


def test_nothing_heard_is_an_empty_track() -> None:
    track = TrackedHearing(POLICY).track()

    assert len(track) == 0
    assert track.parts.shape == (0, len(METRICS))


def test_the_watch_follows_the_comparison_with_evidence_of_its_own() -> None:
    samples = readings(ticks=100)
    compared = TrackedHearing(POLICY)
    compared.hear(samples)
    watch = TrackedHearing(POLICY, series_of(samples[Role.BASELINE]))
    watch.hear({Role.CANDIDATE: samples[Role.CANDIDATE][60:]})

    both = compared.track().until(BEGAN + 60).then(watch.track())

    assert both.at.tolist() == sorted(both.at.tolist())
    assert len(both) == 60 + len(watch.track())
    assert both.thresholds.rollback == pytest.approx(40)


def orders_failing(seconds: int) -> list[NamedTick]:
    """Each second 20 orders on each side; a third of the candidate's fail."""

    def reading(t: int, failing: float) -> NamedReading:
        return NamedReading(BEGAN + t, RatioReading(round(20 * t * failing), 20.0 * t))

    return [
        NamedTick(
            BEGAN + t,
            {
                Role.CANDIDATE: {"orders": reading(t, 1 / 3)},
                Role.BASELINE: {"orders": reading(t, 0.01)},
            },
        )
        for t in range(seconds)
    ]


def test_a_named_metric_is_a_part_of_its_own() -> None:
    rule = NamedRule("orders", MetricKind.COUNTER_RATIO, critical=True)
    hearing = TrackedHearing(JudgePolicy(named=(rule,)))
    hearing.hear(readings(), orders_failing(120))

    track = hearing.track()

    assert track.metrics == (*METRICS, "orders")
    assert track.safe_metrics[-1] == "orders"
    assert np.exp(track.parts).sum(axis=1) == pytest.approx(np.exp(track.harm))
    assert hearing.verdict().outcome is Outcome.ROLLBACK
    assert track.metrics[int(np.argmax(track.parts[-1]))] == "orders"


def test_what_the_watch_does_not_judge_is_not_known_there() -> None:
    rule = NamedRule("orders", MetricKind.COUNTER_RATIO)
    compared = TrackedHearing(JudgePolicy(named=(rule,)))
    compared.hear(readings(ticks=20))
    watch = TrackedHearing(POLICY)
    watch.hear(readings(ticks=20))

    parts = compared.track().then(watch.track()).parts

    assert np.isfinite(parts[:20]).all()
    assert np.isnan(parts[20:, -1]).all()
    assert np.isfinite(parts[20:, :-1]).all()
