"""Like is compared with like: a complaint about copies of different ages."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from davylamp.judge.sample import Role
from davylamp.ledger.instance import Instance, InstanceState
from davylamp.rollout.conduct.ages import complaints_about

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
RELEASE = 7


def copy(role: Role, after: float | None, release_id: int = RELEASE, n: int = 0) -> Instance:
    """One that was started so many seconds after noon; None: nobody knows when."""
    return Instance(
        id=f"{role}-{release_id}-{n}",
        service="checkout",
        digest="sha256:1",
        role=role,
        release_id=release_id,
        state=InstanceState.READY,
        started_at=None if after is None else NOON + timedelta(seconds=after),
    )


def sides(candidate: float | None, baseline: float | None) -> list[Instance]:
    return [copy(Role.CANDIDATE, candidate), copy(Role.BASELINE, baseline)]


@pytest.mark.parametrize("apart", [0, 1, -30, 59.9, -60])
def test_copies_started_together_are_alike(apart: float) -> None:
    assert complaints_about(sides(100 + apart, 100), RELEASE) == ()


@pytest.mark.parametrize(
    ("candidate", "baseline", "younger"), [(300, 0, "candidate"), (0, 300, "baseline")]
)
def test_a_side_that_is_younger_is_named_with_by_how_much(
    candidate: float, baseline: float, younger: str
) -> None:
    (said,) = complaints_about(sides(candidate, baseline), RELEASE)
    assert said.startswith(f"the {younger}'s copies are 300 s younger")
    assert "release it again" in said


def test_copies_that_join_later_do_not_make_a_side_young() -> None:
    copies = [*sides(0, 5), *(copy(Role.CANDIDATE, 500, n=n) for n in (1, 2))]
    assert complaints_about(copies, RELEASE) == ()


def test_stable_and_other_releases_may_be_of_any_age() -> None:
    others = [
        copy(Role.STABLE, -1_000_000, release_id=3),
        copy(Role.BASELINE, -1_000_000, release_id=3),
        copy(Role.CANDIDATE, 1_000_000, release_id=8),
        copy(Role.STABLE, 1_000_000),
    ]
    assert complaints_about([*sides(0, 0), *others], RELEASE) == ()


@pytest.mark.parametrize("copies", [[], sides(None, 0), sides(0, None), sides(0, 0)[:1]])
def test_where_an_age_is_not_known_nothing_is_said(copies: list[Instance]) -> None:
    assert complaints_about(copies, RELEASE) == ()


times = st.lists(st.none() | st.floats(-1e6, 1e6), max_size=4)


@settings(deadline=None)
@given(times, times, st.randoms(use_true_random=False))
def test_the_order_of_copies_does_not_matter_and_a_complaint_means_a_minute(
    candidates: list[float | None], baselines: list[float | None], chance
) -> None:
    copies = [copy(Role.CANDIDATE, at, n=n) for n, at in enumerate(candidates)]
    copies += [copy(Role.BASELINE, at, n=n) for n, at in enumerate(baselines)]
    said = complaints_about(copies, RELEASE)
    chance.shuffle(copies)
    assert complaints_about(copies, RELEASE) == said
    known = [[at for at in side if at is not None] for side in (candidates, baselines)]
    if said:
        assert abs(min(known[0]) - min(known[1])) > 59
    elif all(known):
        assert abs(min(known[0]) - min(known[1])) < 61
