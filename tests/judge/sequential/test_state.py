"""A judge that is put down and taken up again goes on as if nothing had been."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from davylamp.judge.recording import Recording
from davylamp.judge.sequential import state
from davylamp.judge.sequential.judges import Judges, Look
from davylamp.judge.sequential.policy import SequentialPolicy
from davylamp.judge.sequential.run import log_intended
from davylamp.judge.sequential.stack import shape_of, ticks_of
from davylamp.judge.sequential.words import metrics_of
from tests.judge.any_recording import recordings
from tests.judge.made import Made, recorded

EARLY = SequentialPolicy(warm_up_seconds=5.0, ignored=("restarts",))


def fresh(some: list[Recording]) -> Judges:
    return Judges(shape_of(some), EARLY, log_intended(some))


def agree(one: Look, other: Look) -> bool:
    return all(
        np.array_equal(mine, theirs, equal_nan=True)
        for mine, theirs in ((getattr(one, k), getattr(other, k)) for k in vars(one))
    )


@settings(max_examples=15)
@given(recordings(), st.data())
def test_it_goes_on_bit_for_bit_from_any_tick(recording: Recording, data: st.DataObject) -> None:
    ticks = list(ticks_of([recording]))
    cut = data.draw(st.integers(0, len(ticks) - 1))
    judges = fresh([recording])
    for tick in ticks[:cut]:
        judges.feed(tick)
    taken_up = state.load(state.dump(judges))
    for tick in ticks[cut:]:
        look, again = judges.feed(tick), taken_up.feed(tick)
        assert agree(look, again)
    assert metrics_of(judges, look, 0) == metrics_of(taken_up, again, 0)


def test_many_releases_with_stable_and_slices_are_taken_up_together() -> None:
    usual = Made(seconds=80)
    some = [recorded(Made(seconds=80, error_share=e), usual, 1, usual, 4) for e in (0, 0.01, 0.3)]
    judges = fresh(some)
    for t, tick in enumerate(ticks_of(some)):
        if t % 20 == 7:
            judges = state.load(state.dump(judges))
        look = judges.feed(tick)
    plain = fresh(some)
    expected = [plain.feed(tick) for tick in ticks_of(some)][-1]
    assert agree(look, expected)
    assert look.is_harmful.tolist() == [False, False, True]


def test_what_is_written_is_the_same_twice_and_leaves_the_judge_alone() -> None:
    usual = Made(seconds=12)
    judges = fresh([recorded(usual, usual)])
    for tick in ticks_of([recorded(usual, usual)]):
        judges.feed(tick)
    first = state.dump(judges)
    assert isinstance(first, bytes)
    assert state.dump(judges) == first
    assert state.dump(state.load(first)) == first


@pytest.mark.parametrize("junk", [b"", b"{}", b"\x00" * 64, b"not a state"])
def test_what_is_no_state_is_told_so(junk: bytes) -> None:
    with pytest.raises(ValueError, match="state"):
        state.load(junk)
