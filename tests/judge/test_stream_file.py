"""Stream files: what is in them is read as it is, and what can't be read says where it stands."""

from __future__ import annotations

import copy
import json
import math
import re
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from davylamp.judge.ramp import WrongRamp, parse_ramp, ramped
from davylamp.judge.recording import Recording
from davylamp.judge.sequential.document import document_of
from davylamp.judge.sequential.run import judge_recordings
from davylamp.judge.stream_file import WrongStream, read_stream, write_stream
from tests.judge.made import Made, recorded

HEADER: dict[str, Any] = {
    "id": "checkout",
    "tick_s": 1,
    "ticks": 4,
    "le_ms": [1, 2, 5, 10],
    "sides": ["baseline", "canary"],
}
SIDE: dict[str, Any] = {"n": 10, "c2": 8, "c4": 1, "c5": 1, "h": [3, 4, 2, 1], "cpu": 0.1, "rss": 9}


def tick(t: float, **changes: Any) -> dict[str, Any]:
    return {"t": t, "b": dict(SIDE), "c": {**SIDE, **changes}}


def read(*ticks: dict[str, Any], **header: Any) -> Recording:
    lines = [{**HEADER, **header}, *(ticks or [tick(t) for t in range(4)])]
    return read_stream(json.dumps(line) for line in lines)


def test_every_key_lands_in_its_column() -> None:
    whole = {"n": 10, "c2": 6, "c4": 1, "c5": 2, "to": 1, "s": 12, "q": 3, "r": 1}
    found = read(tick(0, **whole, h=[3, 4], cpu=0.25, rss=5e6)).canary
    assert found.completed.tolist() == [10]
    assert found.failed.tolist() == [3]
    assert found.succeeded.tolist() == [7]
    assert found.client_errors.tolist() == [1]
    assert found.latency.tolist() == [[3, 4, 0, 0, 0]]
    columns = ("started", "in_flight", "cpu_seconds", "memory_bytes", "restarts")
    assert [getattr(found, c)[0] for c in columns] == [12, 3, 0.25, 5e6, 1]


def test_what_is_left_out_is_unknown_and_no_error() -> None:
    found = read({"t": 0, "b": {"n": 3}, "c": {"n": 2, "c2": 2}}).canary
    assert found.failed.tolist() == [0]
    assert found.latency.tolist() == [[0] * 5]
    for column in ("started", "in_flight", "cpu_seconds", "memory_bytes"):
        assert math.isnan(getattr(found, column)[0])


def test_unknown_keys_are_ignored() -> None:
    odd = {**tick(0, flavour="mint"), "weather": [1, {}]}
    assert len(read(odd, colour="red")) == 1


@pytest.mark.parametrize(
    ("answers", "failed"),
    [
        ({"n": 10, "c2": 8, "c4": 0, "c5": 0, "to": 2}, 2),
        ({"n": 10, "c2": 8, "c4": 0, "c5": 2, "to": 2}, 2),
        ({"n": 10, "c2": 6, "c4": 0, "c5": 2, "to": 2}, 4),
        ({"n": 10, "c2": 0, "c4": 0, "c5": 0, "to": 30}, 10),
    ],
)
def test_time_outs_are_failures_counted_once(answers: dict[str, int], failed: int) -> None:
    assert read(tick(0, **answers)).canary.failed.tolist() == [failed]


def test_stable_and_its_slices_are_read_under_their_own_bounds() -> None:
    line = {**tick(0), "st": SIDE, "sl": [[5, 1, 2, 3], [4], []]}
    found = read(line, sides=["canary", "stable", "baseline"], sl_le_ms=[2, 20])
    assert found.stable is not None
    assert found.stable.completed.tolist() == [10]
    assert found.slices is not None
    assert found.slices.bounds_ms == (2, 20)
    assert found.slices.completed.tolist() == [[5, 4, 0]]
    assert found.slices.failed.tolist() == [[1, 0, 0]]
    assert found.slices.latency[0, 0].tolist() == [2, 3, 0]


def test_a_side_the_header_does_not_list_is_not_read() -> None:
    assert read({**tick(0), "st": SIDE}).stable is None


@pytest.mark.parametrize("last", ["+Inf", math.inf, None])
def test_the_last_bound_may_be_written_out(last: object) -> None:
    assert read(le_ms=[1, 2, 5, 10, last]).bounds_ms == (1, 2, 5, 10)


def test_ticks_may_be_numbered_or_timed() -> None:
    for times in (
        [0, 1, 2, 4],
        [100.0, 105.0, 110.0, 120.0],
        [1.7e9, 1.7e9 + 1, 1.7e9 + 2, 1.7e9 + 4],
    ):
        found = read(*(tick(t) for t in times))
        assert len(found) == 5
        assert np.isnan(found.canary.completed).tolist() == [False, False, False, True, False]


@settings(max_examples=10)
@given(st.integers(0, 10_000), st.booleans())
def test_what_is_written_is_read_back(seed: int, with_slices: bool) -> None:
    usual = Made(seconds=8, restarts=1)
    made = recorded(usual, usual, seed, usual, slices=3 if with_slices else 0)
    found = read_stream(write_stream(made))
    assert (found.id, found.bounds_ms, found.notes) == (made.id, made.bounds_ms, ())
    for mine, theirs in ((made.canary, found.canary), (made.baseline, found.baseline)):
        for name, column in vars(mine).items():
            assert np.allclose(column, getattr(theirs, name), rtol=0, atol=1e-4), name
    if made.slices is not None:
        assert found.slices is not None
        assert np.array_equal(made.slices.latency, found.slices.latency)


HUGE = 10**400
WRONG: list[tuple[str, list[Any]]] = [
    ("line 1: the file is empty", []),
    ("line 2: no tick follows", [HEADER]),
    ("line 1: not JSON", ["{"]),
    ("line 1: not JSON", ["[" * 100_000]),
    ("line 1: must be a JSON object, found list", [[1]]),
    ("line 1: must be a JSON object, found int", [3]),
    ("line 3: not JSON", [HEADER, tick(0), '{"t": 1, "b"']),
    ("line 2: must be a JSON object", [HEADER, None]),
    ("line 1, le_ms: must be a list", [{"id": "x"}, tick(0)]),
    ("line 1, le_ms: must be a list", [{**HEADER, "le_ms": 5}, tick(0)]),
    ("line 1, le_ms: bounds must grow", [{**HEADER, "le_ms": [1, 1]}, tick(0)]),
    ("line 1, le_ms: bounds must be", [{**HEADER, "le_ms": [0, 1]}, tick(0)]),
    ("line 1, le_ms: bounds must be", [{**HEADER, "le_ms": [1, "2"]}, tick(0)]),
    ("line 1, le_ms: bounds must be", [{**HEADER, "le_ms": [math.nan, 2]}, tick(0)]),
    ("line 1, sl_le_ms", [{**HEADER, "sl_le_ms": "no"}, tick(0)]),
    ("line 1, tick_s", [{**HEADER, "tick_s": 0}, tick(0)]),
    ("line 1, tick_s", [{**HEADER, "tick_s": True}, tick(0)]),
    ("line 1, tick_s", [{**HEADER, "tick_s": math.nan}, tick(0)]),
    ("line 1, sides", [{**HEADER, "sides": ["canary"]}, tick(0)]),
    ("line 1, sides", [{**HEADER, "sides": "canary"}, tick(0)]),
    ("line 1, sides", [{**HEADER, "sides": ["canary", "baseline", "other"]}, tick(0)]),
    ("line 1, sides", [{**HEADER, "sides": ["canary", "baseline", {}]}, tick(0)]),
    ("line 1, share", [{**HEADER, "share": [0.1]}, tick(0)]),
    ("line 1, share", [{**HEADER, "share": {"canary": "half"}}, tick(0)]),
    ("line 2, t: must be a number", [HEADER, {"b": SIDE, "c": SIDE}]),
    ("line 2, t: must be a number", [HEADER, tick(math.nan)]),
    ("line 2, t: must be a number", [HEADER, {**tick(0), "t": "0"}]),
    ("line 5, t: ", [HEADER, tick(0), tick(1), tick(2), tick(1e12)]),
    ("line 2, c: must be an object", [HEADER, {**tick(0), "c": [1]}]),
    ("line 2, c.n: is missing", [HEADER, {**tick(0), "c": {}}]),
    ("line 2, c.n: must be a number, found 'ten'", [HEADER, tick(0, n="ten")]),
    ("line 2, c.n: must be a number, found True", [HEADER, tick(0, n=True)]),
    ("line 2, c.c5: must be a number", [HEADER, tick(0, c5=[])]),
    ("line 2, c.rss: must be a number", [HEADER, tick(0, rss="8 MB")]),
    ("line 3, c.h: must be a list of counts", [HEADER, tick(0), tick(1, h={})]),
    ("line 2, c.h: must be a list of counts", [HEADER, tick(0, h=["1"])]),
    ("line 2, c.h: 6 buckets, le_ms allows 5", [HEADER, tick(0, h=[1] * 6)]),
    ("line 2, b.n", [HEADER, {**tick(0), "b": {"c2": 1}}]),
    ("line 2, sl: must be a list of lists", [HEADER, {**tick(0), "sl": [[1], 2]}]),
    (r"line 2, sl\[1\]: must be at most 7", [HEADER, {**tick(0), "sl": [[1], [1] * 8]}]),
    (r"line 2, sl\[0\]", [HEADER, {**tick(0), "sl": [["1"]]}]),
]


def as_lines(content: list[Any]) -> list[str]:
    return [line if isinstance(line, str) else json.dumps(line) for line in content]


@pytest.mark.parametrize(("said", "content"), WRONG)
def test_a_wrong_file_is_told_line_and_field(said: str, content: list[Any]) -> None:
    with pytest.raises(WrongStream, match=f"^{said}"):
        read_stream(as_lines(content))


@pytest.mark.parametrize(
    "content",
    [
        [{**HEADER, "tick_s": HUGE}, tick(0)],
        [{**HEADER, "le_ms": [1, HUGE]}, tick(0)],
        [HEADER, tick(HUGE)],
        [HEADER, tick(0, n=HUGE)],
        [HEADER, tick(0, c2=HUGE)],
        [HEADER, tick(0, h=[HUGE])],
        [HEADER, {**tick(0), "sl": [[HUGE]]}],
        [HEADER, *(tick(t) for t in (0, 1e-300, 2e-300, 1e300))],
        [HEADER, *(tick(t) for t in (-1.7e308, 1.7e308))],
    ],
)
def test_numbers_beyond_all_bounds_are_told(content: list[Any]) -> None:
    with pytest.raises(WrongStream, match=r"^line \d(, t)?: "):
        read_stream(as_lines(content))


def test_line_numbers_count_empty_lines_too() -> None:
    lines = ["", json.dumps(HEADER), "", json.dumps(tick(0)), "  ", json.dumps(tick(1, n="x"))]
    with pytest.raises(WrongStream, match=r"^line 6, c\.n"):
        read_stream(lines)


VALUES = st.sampled_from(
    [
        *(None, True, False, 0, -1, 3, 0.5, -0.0, math.nan, math.inf, -math.inf, 1e300, 2**70),
        *("", "7", "x" * 50, [], [1], [[1]], [-1], ["a"], [None], [math.nan], {}, {"n": 1}),
    ]
)
FIELDS = ["t", "b", "c", "st", "sl"]
KEYS = [*SIDE, "s", "q", "to", "r", "zzz"]


@st.composite
def spoilt_files(draw: st.DrawFn) -> list[str]:
    """A good file in which some values were changed, keys dropped, lines moved or cut."""
    side = {**SIDE, "s": 11, "q": 1, "to": 0, "r": 0}
    header = {**HEADER, "sides": ["baseline", "canary", "stable"], "share": {"canary": 0.1}}
    lines: list[Any] = [
        {"t": t, "b": dict(side), "c": dict(side), "st": dict(side), "sl": [[5, 0, 5], [4, 1]]}
        for t in range(draw(st.integers(1, 12)))
    ]
    lines = [copy.deepcopy(header), *lines]
    for _ in range(draw(st.integers(0, 4))):
        line = lines[draw(st.integers(0, len(lines) - 1))]
        name = draw(st.sampled_from(list(header) if "le_ms" in line else FIELDS))
        target = line.get(name)
        if isinstance(target, dict) and draw(st.booleans()):
            line, name = target, draw(st.sampled_from(KEYS))
        if draw(st.booleans()):
            line[name] = draw(VALUES)
        else:
            line.pop(name, None)
    text = as_lines(lines)
    if draw(st.booleans()):
        place = draw(st.integers(0, len(text) - 1))
        text.insert(draw(st.integers(0, len(text))), text[place][: draw(st.integers(0, 400))])
    if draw(st.booleans()):
        del text[draw(st.integers(0, len(text) - 1))]
    return text


def _read_or_told(text: list[str]) -> tuple[Recording | None, str]:
    try:
        return read_stream(text), ""
    except WrongStream as error:
        return None, str(error)


@settings(max_examples=150)
@given(spoilt_files())
def test_any_file_is_judged_or_told_what_is_wrong_with_it(text: list[str]) -> None:
    recording, error = _read_or_told(text)
    if recording is None:
        assert re.match(r"line \d+(, [\w.\[\]]+)?: \w", error), error
        return
    assert len(recording) == len(recording.baseline) >= 1
    document = document_of(judge_recordings([recording])[0])
    assert document["outcome"] in ("MANUAL", "ROLLBACK")
    json.dumps(document, allow_nan=False)


@given(st.lists(st.binary(max_size=30) | st.text(max_size=30), max_size=5))
def test_any_lines_at_all_are_read_or_told_what_is_wrong_with_them(lines: list[Any]) -> None:
    with pytest.raises(WrongStream, match=r"^line \d+"):
        read_stream(lines)


@pytest.mark.parametrize("text", ["", "none"])
def test_no_ramp_leaves_a_recording_alone(text: str) -> None:
    made = recorded(Made(seconds=5), Made(seconds=5))
    assert ramped(made, parse_ramp(text)) is made


def test_a_ramp_thins_both_sides_by_its_steps_and_is_the_same_twice() -> None:
    made = recorded(Made(seconds=90, rate=400), Made(seconds=90, rate=400), stable=Made(seconds=90))
    steps = parse_ramp("0.05:30,0.5:30,1")
    found = ramped(made, steps)
    for mine, theirs in ((found.canary, made.canary), (found.baseline, made.baseline)):
        kept = mine.completed.reshape(3, 30).sum(axis=1) / theirs.completed.reshape(3, 30).sum(
            axis=1
        )
        assert kept == pytest.approx([0.05, 0.5, 1.0], rel=0.2)
        assert (mine.failed <= theirs.failed).all()
        assert (mine.completed <= mine.started).all()
        assert np.array_equal(mine.memory_bytes, theirs.memory_bytes)
    assert found.stable is made.stable
    assert np.array_equal(ramped(made, steps).canary.latency, found.canary.latency)


def test_what_is_not_known_stays_unknown_under_a_ramp() -> None:
    gap = read(tick(0), {"t": 1, "b": SIDE}, tick(2))
    found = ramped(gap, parse_ramp("0.5:2,1"))
    assert np.isnan(found.canary.completed).tolist() == [False, True, False]
    assert found.notes == gap.notes


def test_absurd_counts_are_thinned_too() -> None:
    found = ramped(read(tick(0, n=1e300, s=1e300, h=[1e300])), parse_ramp("0.5"))
    assert np.isfinite(found.canary.completed).all()


@pytest.mark.parametrize("text", ["half", "0.5", "0:10", "1.5:10", "0.5:-1", "0.5:x", "nan:3", ","])
def test_a_wrong_ramp_is_told_which_part_is_wrong(text: str) -> None:
    if text == "0.5":
        assert parse_ramp(text)[0].share == 0.5
        return
    with pytest.raises(WrongRamp, match=re.escape(repr(text.split(",", maxsplit=1)[0]))):
        parse_ramp(text)
