"""How long a drop that did not go through waits for its next try."""

from __future__ import annotations

import pytest

from sensors.tried_before import LONGEST_SECONDS, Tried, why_not

HOUR = 3600.0
NOW = 1_000_000_000.0


def test_what_was_never_tried_may_be_tried() -> None:
    assert why_not(Tried(), NOW) == ""


@pytest.mark.parametrize(
    ("tried", "since", "may"),
    [
        (Tried(runs=1, ended_at=NOW), 299.0, False),
        (Tried(runs=1, ended_at=NOW), 300.0, True),
        (Tried(runs=3, ended_at=NOW), 1199.0, False),
        (Tried(runs=3, ended_at=NOW), 1200.0, True),
        (Tried(runs=1, ended_at=NOW, stops=1, stopped_at=NOW), HOUR - 1, False),
        (Tried(runs=1, ended_at=NOW, stops=1, stopped_at=NOW), HOUR, True),
        (Tried(stops=3, stopped_at=NOW), 4 * HOUR - 1, False),
        (Tried(stops=3, stopped_at=NOW), 4 * HOUR, True),
        (Tried(runs=20, ended_at=NOW, stops=200, stopped_at=NOW), LONGEST_SECONDS, True),
    ],
)
def test_each_try_in_vain_doubles_the_pause_up_to_a_day(
    tried: Tried, since: float, may: bool
) -> None:
    assert (why_not(tried, NOW + since) == "") is may


def test_it_says_for_how_long() -> None:
    assert why_not(Tried(stops=2, stopped_at=NOW), NOW) == "it was tried 2 times; again in 2 h"
    assert why_not(Tried(runs=1, ended_at=NOW), NOW) == "it was tried 1 times; again in 5 min"


def test_a_run_that_goes_on_and_a_persons_no_are_never_passed_over() -> None:
    assert "already" in why_not(Tried(is_running=True), NOW)
    assert "by hand" in why_not(Tried(runs=1, ended_at=1.0, was_cancelled=True), NOW)
