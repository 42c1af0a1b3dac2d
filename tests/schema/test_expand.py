"""Revisions that are carried out on a database people use."""

from __future__ import annotations

import threading
import time
from dataclasses import replace

import psycopg
import pytest

from davylamp.errors import BadInput, Refused
from davylamp.schema.apply import apply_revisions
from davylamp.schema.apply_limits import ApplyLimits, Step
from davylamp.schema.database import TargetDatabase
from davylamp.schema.lease import LeaseTerms
from davylamp.schema.patience import LockLimits, pause_before
from davylamp.schema.phases import Phase
from davylamp.schema.state import state_of
from tests.schema.shop_orders import make_orders, revision, rows, sql, value

pytestmark = pytest.mark.server
FIRST = revision("r1", None, "CREATE TABLE orders (id bigint PRIMARY KEY, state text)")
ADDED = revision("r2", "r1", "ALTER TABLE orders ADD COLUMN status text")
INDEXED = revision(
    "r3", "r2", "COMMIT;\nCREATE INDEX CONCURRENTLY by_state ON orders (state);\nBEGIN"
)
IMPATIENT = ApplyLimits(locks=LockLimits(patience_seconds=1.5, lock_seconds=0.1))
VALID = "SELECT indisvalid FROM pg_index WHERE indexrelid = to_regclass('by_state')"


def test_pending_revisions_are_run_in_order_and_alembic_is_told(target: TargetDatabase) -> None:
    heard: list[Step] = []
    done = apply_revisions(target, [INDEXED, FIRST, ADDED], Phase.EXPAND, heard.append)
    assert done.applied == ("r1", "r2", "r3")
    assert value(target, "SELECT version_num FROM alembic_version") == "r3"
    assert [step.event for step in heard if step.revision == "r3"] == ["started", "done", "applied"]
    assert apply_revisions(target, [FIRST, ADDED, INDEXED]).applied == ()


def test_it_stops_before_the_first_revision_of_a_further_phase(target: TargetDatabase) -> None:
    validate = revision("r2", "r1", "ANALYZE orders", Phase.MIGRATE)
    later = revision("r3", "r2", "ALTER TABLE orders ADD COLUMN later int")
    done = apply_revisions(target, [FIRST, validate, later])
    assert done.applied == ("r1",)
    assert [one.id for one in done.pending] == ["r2", "r3"]
    with pytest.raises(Refused, match="contract"):
        apply_revisions(target, [FIRST], Phase.CONTRACT)


def test_a_revision_that_was_edited_after_it_ran_is_refused_by_name(target: TargetDatabase) -> None:
    apply_revisions(target, [FIRST])
    with pytest.raises(Refused, match="revision r1 was edited after it ran"):
        apply_revisions(target, [replace(FIRST, sha256="f" * 64), ADDED])
    assert state_of(target, [FIRST, ADDED]).pending == ("r2",)


def test_two_heads_and_another_line_of_history_are_refused(target: TargetDatabase) -> None:
    fork = revision("other", "r1", "ALTER TABLE orders ADD COLUMN other text")
    with pytest.raises(BadInput, match="r1"):
        apply_revisions(target, [FIRST, ADDED, fork])
    apply_revisions(target, [FIRST, fork])
    with pytest.raises(Refused, match="two lines of history"):
        apply_revisions(target, [FIRST, ADDED])


def test_a_history_that_alembic_ran_is_taken_over(target: TargetDatabase) -> None:
    sql(
        target,
        FIRST.sql,
        ADDED.sql,
        "CREATE TABLE alembic_version (version_num varchar(32) PRIMARY KEY)",
        "INSERT INTO alembic_version VALUES ('r2')",
    )
    assert apply_revisions(target, [FIRST, ADDED, INDEXED]).applied == ("r3",)
    assert [one.state for one in state_of(target).revisions] == ["adopted", "adopted", "applied"]
    sql(target, "UPDATE alembic_version SET version_num = 'unheard-of'")
    with pytest.raises(Refused, match="newer build"):
        apply_revisions(target, [FIRST])


def test_a_revision_that_fails_changes_nothing_and_says_where_it_stopped(
    target: TargetDatabase,
) -> None:
    bad = revision("r2", "r1", "ALTER TABLE orders ADD COLUMN a int; ALTER TABLE gone ADD b int")
    with pytest.raises(Refused, match='relation "gone" does not exist'):
        apply_revisions(target, [FIRST, bad])
    assert "revision r2 after 0 of 2 statements" in state_of(target).stopped
    mended = revision("r2", "r1", "ALTER TABLE orders ADD COLUMN a int")
    assert apply_revisions(target, [FIRST, mended]).applied == ("r2",)
    assert state_of(target).stopped == ""


def test_a_long_transaction_is_named_and_nobody_waits_behind_us(target: TargetDatabase) -> None:
    make_orders(target, 10)
    with psycopg.connect(target.conninfo, application_name="report@7") as long:
        long.execute("SELECT count(*) FROM orders")
        waits: list[float] = []
        reading = _readers(target, waits)
        add = revision("r1", None, "ALTER TABLE orders ADD COLUMN a int")
        with pytest.raises(Refused) as refused:
            apply_revisions(target, [add], limits=IMPATIENT)
        reading.set()
        pid = long.info.backend_pid
    assert f"blocked by pid {pid} (application 'report@7'" in str(refused.value)
    assert "query since" in str(refused.value)
    assert max(waits) < 1.0
    assert f"pid {pid}" in state_of(target).stopped
    assert apply_revisions(target, [add]).applied == ("r1",)


def _readers(target: TargetDatabase, waits: list[float]) -> threading.Event:
    """Somebody who reads all the time, and notes how long each read took, in seconds."""
    done = threading.Event()

    def read() -> None:
        with psycopg.connect(target.conninfo, autocommit=True) as db:
            while not done.wait(0.01):
                began = time.monotonic()
                db.execute("SELECT count(*) FROM orders")
                waits.append(time.monotonic() - began)

    threading.Thread(target=read, daemon=True).start()
    return done


def test_between_tries_nothing_of_ours_waits_for_a_lock(target: TargetDatabase) -> None:
    make_orders(target, 10)
    waiting = "SELECT count(*) FROM pg_locks WHERE NOT granted"
    seen: list[int] = []
    with psycopg.connect(target.conninfo) as long:
        long.execute("SELECT count(*) FROM orders")

        def look(step: Step) -> None:
            if step.event == "retrying":
                seen.append(value(target, waiting))

        add = revision("r1", None, "ALTER TABLE orders ADD COLUMN a int")
        with pytest.raises(Refused):
            apply_revisions(target, [add], Phase.EXPAND, look, limits=IMPATIENT)
    assert len(seen) >= 2
    assert set(seen) == {0}


def test_an_index_that_a_broken_build_left_invalid_is_built_again(target: TargetDatabase) -> None:
    apply_revisions(target, [FIRST, ADDED])
    _leave_invalid_index(target)
    trap = revision("r3", "r2", "CREATE INDEX CONCURRENTLY IF NOT EXISTS by_state ON orders(state)")
    heard: list[Step] = []
    apply_revisions(target, [FIRST, ADDED, trap], Phase.EXPAND, heard.append)
    assert value(target, VALID) is True
    assert "invalid" in next(step.detail for step in heard if step.event == "repaired")


def _leave_invalid_index(target: TargetDatabase) -> None:
    sql(target, "INSERT INTO orders VALUES (1, 'a'), (2, 'a')")
    with psycopg.connect(target.conninfo) as old:
        old.execute("SELECT pg_current_xact_id()")
        old.execute("UPDATE orders SET state = 'b' WHERE id = 1")
        with pytest.raises(psycopg.errors.LockNotAvailable):
            _build_with_short_lock_timeout(target)
    assert value(target, VALID) is False


def _build_with_short_lock_timeout(target: TargetDatabase) -> None:
    with psycopg.connect(target.conninfo, autocommit=True, options="-c lock_timeout=100") as db:
        db.execute("CREATE INDEX CONCURRENTLY by_state ON orders (state)")


def test_a_unique_index_that_cannot_be_leaves_no_invalid_one_behind(
    target: TargetDatabase,
) -> None:
    apply_revisions(target, [FIRST])
    sql(target, "INSERT INTO orders VALUES (1, 'a'), (2, 'a')")
    unique = revision("r2", "r1", "CREATE UNIQUE INDEX CONCURRENTLY by_state ON orders (state)")
    with pytest.raises(Refused, match="could not create unique index"):
        apply_revisions(target, [FIRST, unique])
    assert rows(target, VALID) == []
    sql(target, "UPDATE orders SET state = 'b' WHERE id = 2")
    apply_revisions(target, [FIRST, unique])
    assert value(target, VALID) is True


def test_a_build_that_was_done_when_its_worker_died_is_not_done_again(
    target: TargetDatabase,
) -> None:
    apply_revisions(target, [FIRST, ADDED, INDEXED])
    sql(
        target,
        "UPDATE davylamp.revisions SET state = 'running', done = 1 WHERE id = 'r3'",
        "UPDATE alembic_version SET version_num = 'r2'",
    )
    before = value(target, "SELECT 'by_state'::regclass::oid")
    apply_revisions(target, [FIRST, ADDED, INDEXED])
    assert value(target, "SELECT 'by_state'::regclass::oid") == before
    assert value(target, "SELECT version_num FROM alembic_version") == "r3"


def test_dropping_an_index_that_is_gone_already_goes_on_after_a_crash(
    target: TargetDatabase,
) -> None:
    apply_revisions(target, [FIRST, ADDED, INDEXED])
    drop = revision("r4", "r3", "DROP INDEX CONCURRENTLY by_state")
    sql(
        target,
        "DROP INDEX by_state",
        "INSERT INTO davylamp.revisions (id, sha256, phase, state, statements, entered) "
        f"VALUES ('r4', '{drop.sha256}', 'expand', 'running', 1, 1)",
    )
    assert apply_revisions(target, [FIRST, ADDED, INDEXED, drop]).applied == ("r4",)


def test_enum_values_and_validations_have_transactions_of_their_own(
    target: TargetDatabase,
) -> None:
    made = revision("r1", None, "CREATE TYPE mood AS ENUM ('ok'); CREATE TABLE t (m mood, n int)")
    more = revision(
        "r2",
        "r1",
        "ALTER TYPE mood ADD VALUE 'glad'; ALTER TABLE t ALTER COLUMN m SET DEFAULT 'glad'; "
        "ALTER TABLE t ADD CONSTRAINT positive CHECK (n > 0) NOT VALID; "
        "ALTER TABLE t VALIDATE CONSTRAINT positive",
    )
    apply_revisions(target, [made, more])
    assert value(target, "SELECT convalidated FROM pg_constraint WHERE conname = 'positive'")


def test_two_workers_at_once_run_every_revision_once(target: TargetDatabase) -> None:
    limits = ApplyLimits(lease=LeaseTerms(ttl_seconds=2, renew_seconds=0.5, wait_seconds=20))
    found: list[tuple[str, ...]] = []

    def work() -> None:
        history = [FIRST, ADDED, INDEXED]
        found.append(apply_revisions(target, history, limits=limits).applied)

    workers = [threading.Thread(target=work) for _ in range(2)]
    for one in workers:
        one.start()
    for one in workers:
        one.join(timeout=40)
    assert sorted(found) == [(), ("r1", "r2", "r3")]


def test_pauses_grow_to_their_bound_and_are_spread() -> None:
    limits = LockLimits(first_pause_seconds=1, longest_pause_seconds=8)
    assert [pause_before(n, limits, 1.0) for n in (1, 2, 3, 4, 9)] == [1, 2, 4, 8, 8]
    assert pause_before(3, limits, 0.0) == 2
