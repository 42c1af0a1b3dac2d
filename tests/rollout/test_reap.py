from __future__ import annotations

from datetime import UTC, datetime, timedelta

from davylamp.ledger.intent import RouteIntent
from davylamp.ledger.models import ReleaseState
from davylamp.ledger.releases import Release
from davylamp.rollout.reap import why_orphaned

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def release(run_id: str = "run-1") -> Release:
    return Release(
        id=7,
        service="checkout",
        image="1.1.0",
        state=ReleaseState.STEPPING,
        reason="",
        plan={},
        entry={},
        step=0,
        seed=1,
        requested_by="ana",
        run_id=run_id,
        created_at=NOW - timedelta(minutes=5),
    )


def route(lease_in: float | None, updated: float = 0.0, release_id: int | None = 7) -> RouteIntent:
    return RouteIntent(
        service="checkout",
        generation=3,
        fence=2,
        release_id=release_id,
        lease_expires_at=None if lease_in is None else NOW + timedelta(seconds=lease_in),
        reason="rolled back by ana: it smells",
        updated_at=NOW - timedelta(seconds=updated),
    )


def test_a_release_with_a_valid_lease_is_left_alone() -> None:
    assert why_orphaned(release(), route(5), NOW, 15) == ""


def test_a_lease_that_ran_out_longer_ago_than_the_grace_means_its_run_has_died() -> None:
    assert why_orphaned(release(), route(-2), NOW, 15) == ""
    assert "its run has died" in why_orphaned(release(), route(-4), NOW, 15)


def test_a_run_known_to_be_dead_is_not_waited_for() -> None:
    assert why_orphaned(release(), route(14), NOW, 15, dead_runs={"run-1"})
    assert not why_orphaned(release(""), route(14), NOW, 15, dead_runs={""})


def test_a_release_whose_route_was_cut_ends_with_the_operators_reason_if_its_run_does_not() -> None:
    assert why_orphaned(release(), route(None, updated=2), NOW, 15) == ""
    assert "it smells" in why_orphaned(release(), route(None, updated=60), NOW, 15)


def test_a_driver_that_gave_the_route_back_has_time_to_end_its_release() -> None:
    given_back = route(None, updated=10, release_id=None)
    assert why_orphaned(release(), given_back, NOW, 15) == ""
    long_ago = route(None, updated=60, release_id=None)
    assert why_orphaned(release(), long_ago, NOW, 15)
