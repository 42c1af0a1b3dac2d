"""What is wrong with a stream's data is found, named, and never a pass."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from typing import Any

import pytest

from davylamp.judge.recording import Recording
from davylamp.judge.sequential.ruling import Ruling
from davylamp.judge.sequential.run import judge_recordings
from davylamp.judge.stream_file import read_stream, write_stream
from davylamp.judge.verdict import Outcome
from davylamp.judge.whole_window import judge_whole
from tests.judge.made import Made, recorded

Lines = list[dict[str, Any]]
SECONDS = 150


@pytest.fixture(scope="module")
def healthy() -> str:
    """A stream of identical builds, as a JSON list of its lines."""
    usual = Made(rate=200, seconds=SECONDS)
    return json.dumps([json.loads(line) for line in write_stream(recorded(usual, usual))])


def spoilt(healthy: str, spoil: Callable[[Lines], Any]) -> Recording:
    lines: Lines = json.loads(healthy)
    spoil(lines)
    return read_stream(json.dumps(line) for line in lines)


def ruling(recording: Recording) -> Ruling:
    return judge_recordings([recording])[0]


def held_back(recording: Recording, said: str) -> None:
    """Neither promoted nor rolled back, and the reason is given."""
    found = ruling(recording)
    assert found.outcome is Outcome.MANUAL
    assert found.promotable_at_tick is None
    assert any(said in line for line in found.missing), found.missing
    assert found.headline.startswith("held back")


def test_the_stream_that_is_spoilt_here_would_be_promoted(healthy: str) -> None:
    found = ruling(spoilt(healthy, lambda lines: None))
    assert (found.outcome, found.missing) == (Outcome.PROMOTE, ())


def drop(lines: Lines) -> None:
    del lines[41:43]


def repeat(lines: Lines) -> None:
    lines.insert(41, lines[40])


def delay(lines: Lines) -> None:
    lines.insert(60, lines.pop(40))


def no_candidate(lines: Lines) -> None:
    del lines[40]["c"]


def no_baseline(lines: Lines) -> None:
    lines[40]["b"] = None


def put(key: str, value: object, side: str = "c") -> Callable[[Lines], None]:
    def spoil(lines: Lines) -> None:
        lines[40][side][key] = value

    return spoil


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (drop, "2 × tick missing"),
        (repeat, "1 × tick repeated"),
        (delay, "1 × tick late"),
        (no_candidate, "1 × no reading of the canary"),
        (no_baseline, "1 × no reading of the baseline"),
        (put("n", -3), "1 × reading of the canary that went backwards"),
        (put("n", -3, "b"), "1 × reading of the baseline that went backwards"),
        (put("c5", -1), "reading of the canary that went backwards"),
        (put("h", [5, -2]), "reading of the canary that went backwards"),
        (put("s", -200), "reading of the canary that went backwards"),
        (put("n", math.nan), "reading of the canary that went backwards or is no number"),
        (put("c4", math.inf), "reading of the canary that went backwards or is no number"),
        (put("h", [math.nan]), "reading of the canary that went backwards or is no number"),
        (put("c5", math.nan), "reading of the canary that went backwards or is no number"),
        (put("r", -1), "reading of the canary that went backwards"),
        (put("cpu", -0.5), "1 × cpu of the canary that went backwards or is no number"),
        (put("cpu", math.nan), "1 × cpu of the canary that went backwards or is no number"),
        (put("rss", -1, "b"), "1 × rss of the baseline that went backwards or is no number"),
        (put("rss", math.inf), "1 × rss of the canary that went backwards or is no number"),
        (put("q", math.nan), "1 × q of the canary that went backwards or is no number"),
    ],
)
def test_a_single_bad_reading_is_named_and_never_a_pass(
    healthy: str, spoil: Callable[[Lines], None], said: str
) -> None:
    recording = spoilt(healthy, spoil)
    held_back(recording, said)
    window = judge_whole(recording)
    assert (window["outcome"], window["promotable_at_tick"]) == ("MANUAL", None)
    assert any(said in line for line in window["missing"])


def test_a_baseline_without_traffic_is_named() -> None:
    held_back(
        recorded(Made(rate=200, seconds=SECONDS), Made(rate=0, seconds=SECONDS)),
        f"no request of the baseline for {SECONDS} s",
    )


def test_a_candidate_without_traffic_is_named() -> None:
    held_back(
        recorded(Made(rate=0, seconds=SECONDS), Made(rate=200, seconds=SECONDS)),
        f"no request of the candidate for {SECONDS} s",
    )


def test_a_baseline_whose_traffic_ends_is_named(healthy: str) -> None:
    def silence(lines: Lines) -> None:
        for line in lines[SECONDS - 25 :]:
            line["b"] = {"n": 0, "c2": 0, "c4": 0, "c5": 0, "h": [], "s": 0}

    found = ruling(spoilt(healthy, silence))
    assert found.outcome is not Outcome.PROMOTE
    assert any("no request of the baseline for" in line for line in found.missing)


def test_many_unknown_ticks_are_counted_by_side(healthy: str) -> None:
    def thin(lines: Lines) -> None:
        for line in lines[2::3]:
            line["b"] = None

    found = ruling(spoilt(healthy, thin))
    assert found.outcome is Outcome.MANUAL
    assert any(f"of {SECONDS} ticks without a reading of the baseline" in m for m in found.missing)


@pytest.mark.parametrize(
    "share",
    [{"canary": 0.3, "baseline": 0.1}, {"canary": 0.05, "baseline": 0.1, "stable": 0.85}],
)
def test_other_shares_than_the_header_meant_are_named(
    healthy: str, share: dict[str, float]
) -> None:
    held_back(spoilt(healthy, lambda lines: lines[0].update(share=share)), "sample-ratio mismatch")


@pytest.mark.parametrize(
    "share",
    [{}, {"canary": 0.1, "baseline": 0.1}, {"canary": 0.12, "baseline": 0.1}, {"canary": 0.5}],
)
def test_shares_as_they_were_meant_or_that_nobody_meant_are_no_mismatch(
    healthy: str, share: dict[str, float]
) -> None:
    found = ruling(spoilt(healthy, lambda lines: lines[0].update(share=share)))
    assert found.outcome is Outcome.PROMOTE


def test_unequal_shares_that_were_meant_are_judged_as_any_others() -> None:
    usual, small = Made(rate=200, seconds=SECONDS), Made(rate=50, seconds=SECONDS)
    lines = [json.loads(line) for line in write_stream(recorded(small, usual))]
    lines[0]["share"] = {"canary": 0.05, "baseline": 0.2}
    found = ruling(read_stream(json.dumps(line) for line in lines))
    assert found.outcome is Outcome.PROMOTE


def test_bad_data_hides_no_harm() -> None:
    """Gaps keep a build from being promoted, and no bad build from being rolled back."""
    usual, bad = Made(rate=100, seconds=90), Made(rate=100, seconds=90, error_share=0.05)
    lines = [json.loads(line) for line in write_stream(recorded(bad, usual))]
    for spoil in (drop, repeat, delay, no_candidate, no_baseline, put("n", -1), put("cpu", -1)):
        found = ruling(spoilt(json.dumps(lines), spoil))
        assert found.outcome is Outcome.ROLLBACK
        assert found.metrics[0].name == "error_rate"


@pytest.mark.parametrize("side", ["b", "c"])
@pytest.mark.parametrize("ticks", [10, 30])
def test_a_gap_on_one_side_alone_is_no_harm(healthy: str, side: str, ticks: int) -> None:
    """Nobody read what it did: that is not the same as doing nothing."""

    def lose(lines: Lines) -> None:
        for line in lines[81 : 81 + ticks]:
            line[side] = None

    assert ruling(spoilt(healthy, lose)).outcome is Outcome.MANUAL
