"""When users fail more than before, and when that can't be said."""

from __future__ import annotations

import pytest

from davylamp.rollout.failing_more import Reading, first_heard, hear, told


def said(*readings: tuple[float, int, int]) -> list[str]:
    """(seconds, ended, failed), all since the counters began → what is said at each."""
    first, *others = [Reading(*one) for one in readings]
    heard, words = first_heard(first), [""]
    for one in others:
        heard, found = hear(heard, one)
        words.append(found)
    return words


def test_users_that_begin_to_fail_are_told_with_figures() -> None:
    words = said((0, 10_000, 20), (1, 10_100, 20), (2, 10_200, 30))
    assert words[:2] == ["", ""]
    assert words[2] == ("failed 10 of 100 requests within 1.0 s (10.0%; before it was 0.20%)")


@pytest.mark.parametrize(
    ("failed", "of", "speaks"),
    [(2, 4, False), (3, 150, True), (3, 151, False), (8, 100, True), (7, 90, True)],
)
def test_it_takes_three_failures_and_two_in_a_hundred(failed: int, of: int, speaks: bool) -> None:
    assert bool(said((0, 1000, 0), (1, 1000 + of, failed))[1]) is speaks


@pytest.mark.parametrize(("failed", "speaks"), [(19, False), (20, True)])
def test_a_service_that_always_failed_must_fail_four_times_as_often(
    failed: int, speaks: bool
) -> None:
    assert bool(said((0, 1000, 50), (1, 1100, 50 + failed))[1]) is speaks


def test_few_requests_are_looked_at_over_ten_seconds() -> None:
    words = said((0, 100, 0), (1, 101, 1), (2, 102, 2), (3, 103, 3))
    assert words[:3] == ["", "", ""]
    assert words[3].startswith("failed 3 of 3 requests within 3.0 s")


def test_failures_further_apart_than_ten_seconds_are_no_sign() -> None:
    assert not any(said(*((t * 8.0, 100 + t, t) for t in range(9))))


def test_a_burst_within_a_long_quiet_is_seen_at_once() -> None:
    readings = [(float(t), 1000 * t, 0) for t in range(10)]
    assert said(*readings, (10.0, 9100, 5))[-1].startswith("failed 5 of 100 ")


def test_counters_that_begin_anew_say_nothing_then_and_go_on_afterwards() -> None:
    words = said((0, 1000, 40), (1, 10, 8), (2, 20, 18), (2, 20, 18))
    assert words[1] == ""
    assert words[2].startswith("failed 10 of 10")
    assert words[3] == ""


def test_what_is_wrong_is_named_by_service() -> None:
    assert told([("a", ""), ("b", "failed"), ("c", "too")]) == "b failed; c too"
