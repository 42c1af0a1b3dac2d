"""DORA's figures of releases that have ended; Wilson's interval against scipy's."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

from davylamp.ledger.models import ENDS, ReleaseState
from davylamp.report.days import by_day, by_outcome
from davylamp.report.dora import dora_by_service, dora_of
from davylamp.report.full_blast import failure_share, full_blast_failures
from davylamp.report.wilson import wilson_of
from tests.report.stories import BEGAN, ended

GOOD, BACK = ReleaseState.PROMOTED, ReleaseState.ROLLED_BACK


def test_deployments_are_what_users_met() -> None:
    found = dora_of(
        [
            ended(1, GOOD, 1),
            ended(2, BACK, 1),
            ended(3, BACK, 1, traffic_at=None),
            ended(4, ReleaseState.REFUSED, 1, traffic_at=None),
            ended(5, ReleaseState.ABANDONED, 1),
            ended(6, GOOD, 1, traffic_at=None),
        ],
        days=10,
    )
    assert (found.deployments, found.deployments_per_day) == (3, 0.3)
    assert (found.failed, found.refused, found.abandoned) == (1, 1, 1)


def test_a_deployment_fails_by_roll_back_by_a_leftover_and_by_what_is_learnt_later() -> None:
    found = dora_of(
        [
            *(ended(n, GOOD, 1) for n in range(7)),
            ended(7, BACK, 1),
            ended(8, ReleaseState.UNCONFIRMED, 1),
            ended(9, GOOD, 1, is_known_bad=True),
        ],
        days=1,
    )
    assert found.change_fail_rate == 0.3
    assert (found.change_fail_rate_low, found.change_fail_rate_high) == wilson_of(3, 10)


def test_the_lead_time_runs_from_the_first_sight_of_a_build_to_all_users() -> None:
    seen = BEGAN - timedelta(hours=1)
    found = dora_of(
        [
            ended(1, GOOD, 0, first_seen_at=seen, made_stable_at=BEGAN + timedelta(seconds=60)),
            ended(2, GOOD, 5, is_first_of_build=False, first_seen_at=seen),
            ended(3, BACK, 5, first_seen_at=seen),
        ],
        days=7,
    )
    assert found.lead_time is not None
    assert (found.lead_time.count, found.lead_time.median) == (1, 3660)


def test_recovery_runs_from_the_decision_and_exposure_to_it() -> None:
    found = dora_of([ended(1, BACK, 1), ended(2, BACK, 2, traffic_at=None)], days=3)
    assert found.exposed is not None
    assert found.recovery is not None
    assert (found.exposed.count, found.exposed.median) == (1, 50)
    assert (found.recovery.count, found.recovery.median) == (1, 10)


def test_without_a_deployment_nothing_is_claimed() -> None:
    found = dora_of([], days=30)
    assert found.change_fail_rate is None
    assert (found.change_fail_rate_low, found.change_fail_rate_high) == (0, 1)
    assert (found.lead_time, found.recovery, found.exposed) == (None, None, None)


def test_services_are_told_apart() -> None:
    releases = [ended(1, GOOD, 1), ended(2, BACK, 1, service="cart")]
    found = dora_by_service(releases, 1)
    assert [(name, one.failed) for name, one in found.items()] == [("cart", 1), ("checkout", 0)]


@given(st.integers(0, 500), st.integers(1, 500))
def test_the_interval_is_wilsons(failed: int, more: int) -> None:
    low, high = wilson_of(failed, failed + more)
    wanted = binomtest(failed, failed + more).proportion_ci(0.95, method="wilson")
    assert (low, high) == pytest.approx((wanted.low, wanted.high), abs=1e-4)


@given(st.lists(st.tuples(st.sampled_from(sorted(ENDS)), st.floats(0, 19.9)), max_size=30))
def test_every_release_is_counted_on_one_day(drawn: list[tuple[ReleaseState, float]]) -> None:
    releases = [ended(n, state, day) for n, (state, day) in enumerate(drawn)]
    days = by_day(releases, BEGAN, BEGAN + timedelta(days=20))
    assert sum(sum(day.counts.values()) for day in days) == len(releases)
    assert len(days) == 21
    assert sum(by_outcome(releases).values()) == len(releases)


def test_a_full_blast_fails_the_candidates_share_of_all_requests() -> None:
    assert full_blast_failures(1000, failure_share(10, 50)) == 200
    assert full_blast_failures(1000, failure_share(0, 0)) == 0
