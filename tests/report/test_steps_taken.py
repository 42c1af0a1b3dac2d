"""When each step of a release was taken, from its events."""

from __future__ import annotations

import pytest

from davylamp.ledger.models import ReleaseState
from davylamp.report.steps_taken import steps_taken
from tests.report.stories import at, event, events, release


def test_a_step_lasts_until_the_release_goes_on() -> None:
    first, second, everybody = steps_taken(release(), events())
    assert (first.began_at, first.seconds) == (at(10), 62)
    assert (second.began_at, second.seconds) == (at(72), 13)
    assert everybody.began_at is None


def test_the_watch_ends_where_the_build_becomes_stable() -> None:
    on = [*events()[:5], event(6, 140, "promoting", "safe"), event(7, 175, "made_stable", "safe")]
    *_, everybody = steps_taken(release(), on)
    assert (everybody.share, everybody.seconds) == (1.0, 35)


def test_a_step_under_way_has_no_end() -> None:
    first, second, _ = steps_taken(release(state=ReleaseState.STEPPING), events()[:4])
    assert (first.began_at, first.seconds) == (at(10), None)
    assert second.began_at is None


@pytest.mark.parametrize("plan", [{}, {"steps": [{"share": 0.05}]}, {"steps": [], "later": 1}])
def test_a_plan_of_another_version_is_no_reason_to_fail(plan: dict[str, object]) -> None:
    assert steps_taken(release(plan=plan), events()) == []
