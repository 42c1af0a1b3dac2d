"""How fast a backfill goes: batch sizes, pauses, and what holds it up."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from davylamp.schema.backfill.limits import UNTHROTTLED, PaceLimits, ThrottleLimits
from davylamp.schema.backfill.model import BackfillState, Progress
from davylamp.schema.backfill.pace import fewer_rows, next_rows, pause_after
from davylamp.schema.backfill.throttle import Load, held_up_by

LIMITS = PaceLimits()


@given(
    st.floats(0.0005, 2.0),
    st.integers(1, LIMITS.most_rows),
    st.lists(st.floats(0.8, 1.25), min_size=25, max_size=25),
)
def test_batches_come_to_take_about_their_target(
    ms_a_row: float, first: int, noise: list[float]
) -> None:
    rows = first
    for factor in noise:
        rows = next_rows(rows, rows * ms_a_row * factor, LIMITS.target_ms, LIMITS)
    reachable = min(LIMITS.target_ms, LIMITS.most_rows * ms_a_row)
    assert reachable * 0.6 <= rows * ms_a_row <= reachable * 1.6 + 2 * ms_a_row


@given(st.integers(1, LIMITS.most_rows), st.floats(0, 1e7))
def test_a_batch_always_has_rows_and_never_too_many(rows: int, took_ms: float) -> None:
    assert 1 <= next_rows(rows, took_ms, LIMITS.target_ms, LIMITS) <= LIMITS.most_rows
    assert 1 <= fewer_rows(rows) <= rows


def test_a_batch_that_took_too_long_shrinks_at_once() -> None:
    assert next_rows(10_000, LIMITS.longest_ms * 4, LIMITS.target_ms, LIMITS) <= 3_001


def test_pauses_leave_the_rest_of_the_time_to_the_application() -> None:
    assert pause_after(0.1, 1.0) == 0
    assert pause_after(0.1, 0.5) == pytest.approx(0.1)
    assert pause_after(0.1, 0.25) == pytest.approx(0.3)


@pytest.mark.parametrize(
    ("load", "reason"),
    [
        (Load(replica_lag_bytes=100 * 2**20), "a replica is 100 MiB behind (at most 64)"),
        (Load(replica_lag_seconds=9), "a replica is 9.0 s behind (at most 5)"),
        (Load(slot_lag_bytes=3 * 2**30), "a replication slot keeps 3072 MiB of WAL"),
        (Load(lock_waiters=4), "4 sessions wait for locks (at most 3)"),
        (Load(oldest_transaction_seconds=1000), "a transaction is open since 1000 s"),
    ],
)
def test_it_waits_and_says_why(load: Load, reason: str) -> None:
    assert held_up_by(load, ThrottleLimits()).startswith(reason)
    assert held_up_by(load, UNTHROTTLED) == ""


def test_a_database_at_ease_holds_nothing_up() -> None:
    assert held_up_by(Load(), ThrottleLimits()) == ""


def test_progress_says_how_much_is_left() -> None:
    half = Progress("b", BackfillState.RUNNING, 500, 500, 1000, 5, 100, 10.0, 50.0)
    assert half.share == 0.5
    assert half.seconds_left == 10
    beyond = Progress("b", BackfillState.RUNNING, 1500, 500, 1000, 5, 100, 10.0, 50.0)
    assert beyond.share == 1.0
    assert beyond.seconds_left == 0
