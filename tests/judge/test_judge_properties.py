"""What holds for any stream whatever."""

from __future__ import annotations

import json
from dataclasses import asdict, replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from davylamp.judge.hearing import Hearing, judge_series
from davylamp.judge.opinions import judge_step, weigh
from davylamp.judge.policy import JudgePolicy
from davylamp.judge.recording import Recording
from davylamp.judge.sample import Role, Series
from davylamp.judge.sequential.document import document_of
from davylamp.judge.sequential.judges import Judges, Look
from davylamp.judge.sequential.policy import SequentialPolicy
from davylamp.judge.sequential.ruling import Ruling
from davylamp.judge.sequential.run import judge_recordings, log_intended
from davylamp.judge.sequential.stack import shape_of, ticks_of
from davylamp.judge.sequential.tick import CANARY
from davylamp.judge.stream_file import read_stream, write_stream
from davylamp.judge.verdict import Evidence, Outcome
from davylamp.judge.whole_window import judge_whole
from tests.judge.any_recording import recordings
from tests.judge.made import BUCKETS, Made, recorded

pytestmark = pytest.mark.filterwarnings("ignore:.* encountered in:RuntimeWarning")
"""Infinite counts are part of what is tried."""
EARLY = SequentialPolicy(warm_up_seconds=5.0)
"""So that short streams are judged by all tests."""


def ruling(recording: Recording, policy: SequentialPolicy = EARLY) -> Ruling:
    return judge_recordings([recording], policy)[0]


def same(one: Ruling, other: Ruling) -> bool:
    """The same word for the same reasons."""
    words = [(r.outcome, r.at_tick, r.promotable_at_tick, len(r.metrics)) for r in (one, other)]
    evidence = [
        {m.name: (m.log_e, m.log_safe, m.candidate_count, m.baseline_count) for m in r.metrics}
        for r in (one, other)
    ]
    return (
        words[0] == words[1]
        and one.log_harm == pytest.approx(other.log_harm, abs=1e-9)
        and all(
            mine == pytest.approx(theirs, abs=1e-9, rel=1e-9)
            for mine, theirs in (
                (_known(evidence[0][name]), _known(evidence[1][name])) for name in evidence[0]
            )
        )
    )


def _known(values: tuple[float | None, ...]) -> list[float]:
    return [-1.0 if v is None else v for v in values]


@settings(max_examples=30)
@given(recordings(nasty=True))
def test_any_recording_of_the_right_shape_gets_a_ruling(recording: Recording) -> None:
    for policy in (EARLY, SequentialPolicy()):
        found = ruling(recording, policy)
        assert found.outcome in (Outcome.PROMOTE, Outcome.ROLLBACK, Outcome.MANUAL)
        assert found.headline
        assert 0 <= found.at_tick < len(recording)
        assert found.promotable_at_tick is None or found.promotable_at_tick <= found.at_tick
        json.dumps(document_of(found), allow_nan=False)
    json.dumps(judge_whole(recording), allow_nan=False)


@settings(max_examples=20)
@given(recordings(nasty=True), st.sampled_from(["sequential", "fail-ratio", "score", "?"]))
def test_any_series_of_a_live_release_get_a_verdict(recording: Recording, rule: str) -> None:
    policy = JudgePolicy(rule=rule)
    mine, theirs = (_in_buckets(s) for s in (recording.canary, recording.baseline))
    window = judge_step(Evidence(mine, theirs, len(mine)), policy)
    verdict = weigh(judge_series(mine, theirs, policy, stable=mine), window, policy)
    assert verdict.outcome in set(Outcome)
    assert verdict.headline
    json.dumps(asdict(verdict), allow_nan=False)


def _in_buckets(series: Series) -> Series:
    """The same with as many buckets as readings of a live release have."""
    latency = np.zeros((len(series), BUCKETS))
    latency[:, 10 : 10 + series.latency.shape[1]] = series.latency
    return replace(series, latency=latency)


@settings(max_examples=25)
@given(recordings(), st.sampled_from([0.001, 3.0, 1000.0, 0.37]))
def test_the_unit_of_latency_changes_nothing(recording: Recording, factor: float) -> None:
    assert same(ruling(recording), ruling(_scaled(recording, factor)))


@pytest.mark.parametrize("factor", [0.001, 3.0, 1000.0])
def test_a_slower_build_is_as_slow_in_any_unit(factor: float) -> None:
    usual = Made(seconds=90)
    slow = recorded(Made(seconds=90, slow_share=0.05), usual, stable=usual, slices=3)
    found, scaled = ruling(slow), ruling(_scaled(slow, factor))
    assert found.outcome is Outcome.ROLLBACK
    assert same(found, scaled)
    assert found.metrics[0].name == scaled.metrics[0].name
    for one, other in zip(found.metrics, scaled.metrics, strict=True):
        if one.unit == "ms" and one.name.startswith("latency"):
            assert other.candidate == pytest.approx(factor * (one.candidate or 0))
            assert other.ratio == pytest.approx(one.ratio)


def _scaled(recording: Recording, factor: float) -> Recording:
    def bounds(of: tuple[float, ...]) -> tuple[float, ...]:
        return tuple(factor * edge for edge in of)

    slices = recording.slices
    return replace(
        recording,
        bounds_ms=bounds(recording.bounds_ms),
        slices=None if slices is None else replace(slices, bounds_ms=bounds(slices.bounds_ms)),
    )


@settings(max_examples=12)
@given(recordings(), st.randoms(use_true_random=False))
def test_the_order_of_labels_changes_nothing(recording: Recording, chance) -> None:
    """Of sides in the header, of keys in a tick, of weights and ignored metrics in a policy."""
    lines = [json.loads(line) for line in write_stream(recording)]
    chance.shuffle(lines[0]["sides"])
    shuffled = [json.dumps(_shuffled(line, chance)) for line in lines]
    read = [read_stream(text) for text in (write_stream(recording), shuffled)]
    ignored = ["latency_p90", "restarts"]
    policies = [
        replace(EARLY, weights=_shuffled(EARLY.weights, chance), ignored=tuple(ignored[::step]))
        for step in (1, -1)
    ]
    one, other = (ruling(r, p) for r, p in zip(read, policies, strict=True))
    assert same(one, other)
    assert one.headline == other.headline


def _shuffled(found, chance):
    if not isinstance(found, dict):
        return found
    keys = list(found)
    chance.shuffle(keys)
    return {key: _shuffled(found[key], chance) for key in keys}


@settings(max_examples=30)
@given(recordings(most_ticks=25), st.integers(0, 60))
def test_more_errors_of_the_candidate_in_a_tick_never_lower_the_evidence_of_harm(
    recording: Recording, requests: int
) -> None:
    """The estimate of dispersion is from the past, and so the same for all of these ticks."""
    failed = np.unique(np.linspace(0, requests, 8).astype(int))
    *past, last = ticks_of([recording] * len(failed))
    judges = Judges(shape_of([recording] * len(failed)), EARLY)
    for tick in past:
        judges.feed(tick)
    completed, errors = last.completed.copy(), last.failed.copy()
    completed[:, CANARY], errors[:, CANARY] = requests, failed
    look = judges.feed(replace(last, completed=completed, failed=errors))
    assert (np.diff(look.harm) >= -1e-9).all()
    assert (np.diff(look.tests, axis=0) >= -1e-9).all()
    assert (np.diff(look.is_harmful.astype(int)) >= 0).all()


@settings(max_examples=12)
@given(st.lists(recordings(most_ticks=30), min_size=1, max_size=4))
def test_side_by_side_or_alone_the_rulings_are_the_same(some: list[Recording]) -> None:
    """Also those of different lengths and shapes, which are put into groups."""
    together = judge_recordings([*some, *some[::-1]], EARLY)
    alone = [ruling(recording) for recording in some]
    for one, other in zip(together, [*alone, *alone[::-1]], strict=True):
        assert same(one, other)
        assert one.headline == other.headline
        assert one.missing == other.missing


def test_many_different_releases_side_by_side_are_judged_as_each_alone() -> None:
    usual = Made(seconds=80)
    harms = [{"error_share": 0.3}, {"hang_share": 0.5}, {"slow_share": 0.1}, {"restarts": 4}, {}]
    many = [
        recorded(
            Made(seconds=60 + n, **harm), replace(usual, seconds=60 + n), n, Made(seconds=60 + n), 4
        )
        for n, harm in enumerate(harms * 4)
    ]
    together = judge_recordings(many, EARLY)
    assert {r.outcome for r in together} >= {Outcome.ROLLBACK}
    for recording, found in zip(many[:5], together[:5], strict=True):
        alone = ruling(recording)
        assert same(alone, found)
        assert [m.says for m in alone.metrics] == [m.says for m in found.metrics]


def looks(recording: Recording) -> list[Look]:
    judges = Judges(shape_of([recording]), EARLY, log_intended([recording]))
    return [judges.feed(tick) for tick in ticks_of([recording])]


@settings(max_examples=15)
@given(recordings())
def test_tick_by_tick_the_same_is_said_as_over_the_whole_file(recording: Recording) -> None:
    found = ruling(recording)
    every = looks(recording)
    harmful = [t for t, look in enumerate(every) if look.is_harmful[0]]
    promotable = [t for t, look in enumerate(every) if look.is_promotable[0]]
    assert (found.outcome is Outcome.ROLLBACK) == bool(harmful)
    assert found.at_tick == (harmful[0] if harmful else len(recording) - 1)
    upto = [t for t in promotable if t <= found.at_tick]
    assert found.promotable_at_tick == (upto[0] if upto else None)
    assert found.log_harm == pytest.approx(float(every[found.at_tick].harm[0]), abs=1e-9)


@settings(max_examples=12)
@given(st.integers(0, 10_000), st.sampled_from([0.0, 0.02, 0.2]), st.booleans())
def test_a_live_hearing_and_a_file_of_the_same_ticks_agree(
    seed: int, errors: float, with_stable: bool
) -> None:
    usual = Made(seconds=45)
    recording = recorded(
        Made(seconds=45, error_share=errors), usual, seed, usual if with_stable else None
    )
    hearing = Hearing(JudgePolicy())
    sides = {Role.CANDIDATE: recording.canary, Role.BASELINE: recording.baseline}
    if recording.stable is not None:
        sides[Role.STABLE] = recording.stable
    for t in range(len(recording)):
        hearing.feed([{role: series.row(t) for role, series in sides.items()}])
    verdict, found = hearing.verdict(), ruling(recording, SequentialPolicy())
    assert (verdict.outcome is Outcome.ROLLBACK) == (found.outcome is Outcome.ROLLBACK)
    assert verdict.e_value == pytest.approx(np.exp(found.log_harm))
    assert [m.name for m in verdict.metrics] == [m.name for m in found.metrics]
    assert [m.reason for m in verdict.metrics] == [m.says for m in found.metrics]


@settings(max_examples=20)
@given(recordings(most_ticks=60))
def test_doing_exactly_what_the_baseline_does_is_never_rolled_back(recording: Recording) -> None:
    """But where half of everything fails, which is held against whoever is new."""
    twin = replace(recording, canary=recording.baseline, stable=None, slices=None)
    assert ruling(twin).outcome is not Outcome.ROLLBACK


@settings(max_examples=30)
@given(recordings(nasty=True, most_ticks=20))
def test_nothing_is_promoted_within_the_warm_up(recording: Recording) -> None:
    short = replace(recording, tick_seconds=1.0)
    assert ruling(short, SequentialPolicy()).outcome is not Outcome.PROMOTE
