"""Who may work on a subject."""

from __future__ import annotations

import time

import pytest

from davylamp.errors import FencedOff, Refused
from davylamp.schema.control import ensure_control
from davylamp.schema.database import TargetDatabase
from davylamp.schema.lease import LeaseTerms, take_lease
from tests.schema.shop_orders import sql, value

pytestmark = pytest.mark.server
QUICK = LeaseTerms(ttl_seconds=0.6, renew_seconds=0.2)


@pytest.fixture(autouse=True)
def control(target: TargetDatabase) -> None:
    with target.connect("test") as db:
        ensure_control(db)
        ensure_control(db)


def test_a_second_worker_is_refused_and_told_who_is_first(target: TargetDatabase) -> None:
    with (
        take_lease(target, "subject", QUICK),
        pytest.raises(Refused, match=r"subject: process .* is at work on it"),
        take_lease(target, "subject", QUICK),
    ):
        pass


def test_a_lease_is_renewed_for_as_long_as_its_worker_lives(target: TargetDatabase) -> None:
    with take_lease(target, "subject", QUICK):
        time.sleep(1.5)
        assert value(target, "SELECT expires_at > clock_timestamp() FROM davylamp.leases")


def test_a_worker_whose_lease_was_taken_changes_nothing_any_more(target: TargetDatabase) -> None:
    with take_lease(target, "subject", QUICK) as first:
        sql(target, "UPDATE davylamp.leases SET expires_at = '-infinity', fence = fence + 1")
        with target.connect("test") as db, pytest.raises(FencedOff, match="taken it over"):
            first.hold(db)


def test_nobody_takes_a_lease_in_the_middle_of_a_step(target: TargetDatabase) -> None:
    slow = LeaseTerms(ttl_seconds=60, renew_seconds=30)
    with (
        take_lease(target, "subject", slow) as lease,
        target.connect(lease.work) as db,
        db.transaction(),
    ):
        lease.hold(db)
        sql(target, "UPDATE davylamp.leases SET expires_at = '-infinity'")
        with (
            pytest.raises(Refused, match="in the middle of a step"),
            take_lease(target, "subject", slow),
        ):
            pass


def test_what_a_dead_worker_left_running_is_ended_first(target: TargetDatabase) -> None:
    with take_lease(target, "subject", QUICK) as lease:
        work = lease.work
    with target.connect(work) as orphan, take_lease(target, "subject", QUICK):
        alive = f"SELECT count(*) FROM pg_stat_activity WHERE pid = {orphan.info.backend_pid}"
        assert value(target, alive) == 0
