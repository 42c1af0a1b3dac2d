"""Everybody gets his turn, however little time there is."""

from __future__ import annotations

from davylamp.rollout.in_turn import in_turn


def test_it_begins_behind_the_one_that_was_last_and_goes_once_round() -> None:
    assert list(in_turn(["c", "a", "b"], "a", 9.0)) == ["b", "c", "a"]
    assert list(in_turn(["a", "b"], "", 9.0)) == ["a", "b"]
    assert list(in_turn(["a", "b"], "gone", 9.0)) == ["a", "b"]
    assert list(in_turn([], "a", 9.0)) == []


def test_with_too_little_time_one_is_reached_and_the_next_time_the_next() -> None:
    after, reached = "", []
    for _ in range(4):
        now = iter(range(0, 100, 10))
        for name in in_turn(["a", "b", "c"], after, 5.0, lambda now=now: next(now)):
            reached.append(name)
            after = name
    assert reached == ["a", "b", "c", "a"]
