"""A backfill from its first row to its verified end, and everything that can stop it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace

import psycopg
import pytest

from davylamp.errors import BadInput, FencedOff, Refused
from davylamp.schema.apply import apply_revisions
from davylamp.schema.backfill.ask import Wish, ask_backfill
from davylamp.schema.backfill.batch import Walk
from davylamp.schema.backfill.limits import UNTHROTTLED, BackfillLimits, PaceLimits
from davylamp.schema.backfill.model import BackfillState, Progress
from davylamp.schema.backfill.run import run_backfill
from davylamp.schema.backfill.verify import count_unmigrated
from davylamp.schema.database import TargetDatabase
from davylamp.schema.dual_write import install_dual_write
from davylamp.schema.lease import LeaseTerms
from davylamp.schema.phases import Phase
from davylamp.schema.revision import DualWrite
from davylamp.schema.state import state_of
from tests.schema.shop_orders import RENAME, make_orders, revision, rows, sql, value

pytestmark = pytest.mark.server
FAST = BackfillLimits(
    pace=PaceLimits(first_rows=100, most_rows=500, longest_ms=5000),
    throttle=UNTHROTTLED,
    lease=LeaseTerms(ttl_seconds=1, renew_seconds=0.3),
    row_patience_seconds=1.0,
)
LEFT = "SELECT count(*) FROM orders WHERE status IS DISTINCT FROM state"


def test_every_row_is_migrated_and_progress_is_told(target: TargetDatabase) -> None:
    make_orders(target, 3000)
    heard: list[Progress] = []
    result = run_backfill(target, RENAME, heard.append, FAST)
    assert result.state is BackfillState.DONE
    assert (result.rows_done, result.rows_changed) == (3000, 3000)
    assert value(target, LEFT) == 0
    done = [one.rows_done for one in heard]
    assert done == sorted(done)
    assert heard[0].rows_estimated == 3000
    assert heard[-1].share == 1.0
    assert run_backfill(target, RENAME, limits=FAST).batches == result.batches


@pytest.mark.parametrize(
    ("kind", "key"),
    [
        ("int", "g"),
        ("bigint", "g - 500"),
        ("smallint", "g"),
        ("uuid", "gen_random_uuid()"),
        ("text", "'k''\"%' || md5(g::text)"),
        ("varchar(40)", "'Ä' || g"),
        ('text COLLATE "pg_c_utf8"', "chr(60 + g) || g"),
    ],
)
def test_keys_of_every_ordered_kind_are_walked_whole(
    target: TargetDatabase, kind: str, key: str
) -> None:
    sql(
        target,
        f'CREATE TABLE "Things" ("The Key" {kind} PRIMARY KEY, "Old ""1""" text, "new" text)',
        f'INSERT INTO "Things" SELECT {key}, g::text FROM generate_series(1, 1200) g',
    )
    things = DualWrite("Things", 'Old "1"', "new", key="The Key")
    result = run_backfill(target, things, limits=FAST)
    assert (result.rows_done, result.rows_changed) == (1200, 1200)
    assert value(target, 'SELECT count(*) FROM "Things" WHERE new IS NULL') == 0
    assert state_of(target).backfills[0].progress.backfill == 'public."Things".new'


def test_a_partitioned_table_is_walked_and_verified_whole(target: TargetDatabase) -> None:
    sql(
        target,
        "CREATE TABLE orders (id int PRIMARY KEY, state text, status text) PARTITION BY RANGE (id)",
        "CREATE TABLE early PARTITION OF orders FOR VALUES FROM (0) TO (500)",
        "CREATE TABLE late PARTITION OF orders FOR VALUES FROM (500) TO (5000)",
        "INSERT INTO orders SELECT g, g::text FROM generate_series(1, 1000) g",
    )
    result = run_backfill(target, RENAME, limits=FAST)
    assert (result.rows_done, result.rows_changed) == (1000, 1000)
    sql(target, "SET session_replication_role = replica; UPDATE late SET status = NULL")
    with target.connect("test") as db:
        assert count_unmigrated(db, Walk.of(db, RENAME), blocks=2) == 501


def test_an_empty_table_is_done_at_once(target: TargetDatabase) -> None:
    make_orders(target, 0)
    assert run_backfill(target, RENAME, limits=FAST).state is BackfillState.DONE


def test_values_are_computed_as_the_revision_says(target: TargetDatabase) -> None:
    sql(
        target,
        "CREATE TABLE bills (id int PRIMARY KEY, euros numeric, cents bigint)",
        "INSERT INTO bills SELECT g, g * 0.01 FROM generate_series(1, 100) g",
    )
    money = DualWrite("bills", "euros", "cents", forward="round({old} * 100)::bigint",
                      backward="({new} / 100.0)::numeric(20, 2)")  # fmt: skip
    run_backfill(target, money, limits=FAST)
    assert value(target, "SELECT count(*) FROM bills WHERE cents = id") == 100


def test_it_stops_when_asked_and_goes_on_where_it_was(target: TargetDatabase) -> None:
    make_orders(target, 3000)

    def stop(progress: Progress) -> None:
        if progress.batches == 3:
            ask_backfill(target, "orders.status", Wish.STOP)

    stopped = run_backfill(target, RENAME, stop, FAST)
    assert stopped.state is BackfillState.STOPPED
    assert 0 < stopped.rows_done < 3000
    assert "asked for it to stop" in state_of(target).stopped
    done = run_backfill(target, RENAME, limits=FAST)
    assert (done.state, done.rows_done) == (BackfillState.DONE, 3000)


def test_a_paused_one_waits_until_it_is_resumed(target: TargetDatabase) -> None:
    make_orders(target, 3000)
    seen: list[Progress] = []

    def pause(progress: Progress) -> None:
        seen.append(progress)
        if progress.batches == 3 and not progress.waiting_for:
            ask_backfill(target, "public.orders.status", Wish.PAUSE)
        if progress.waiting_for == "paused by hand":
            state = state_of(target).backfills[0]
            assert state.progress.state is BackfillState.PAUSED
            ask_backfill(target, "orders.status", Wish.RUN)

    assert run_backfill(target, RENAME, pause, FAST).state is BackfillState.DONE
    assert any(one.waiting_for == "paused by hand" for one in seen)
    assert value(target, LEFT) == 0


def test_paused_for_too_long_or_run_for_too_long_it_ends_and_can_go_on(
    target: TargetDatabase,
) -> None:
    make_orders(target, 3000)
    short = replace(FAST, deadline_seconds=0.0)
    assert run_backfill(target, RENAME, limits=short).state is BackfillState.STOPPED
    ask_backfill(target, "orders.status", Wish.PAUSE)
    paused = run_backfill(target, RENAME, limits=replace(FAST, pause_seconds=0.3))
    assert paused.state is BackfillState.PAUSED
    with pytest.raises(BadInput, match=r"no backfill nothing; there are: public\.orders\.status"):
        ask_backfill(target, "nothing", Wish.RUN)


def test_two_workers_never_run_one_backfill(target: TargetDatabase) -> None:
    make_orders(target, 3000)
    refused: list[str] = []

    def second(progress: Progress) -> None:
        if progress.batches == 2:
            with pytest.raises(Refused, match="is at work on it") as error:
                run_backfill(target, RENAME, limits=FAST)
            refused.append(str(error.value))

    result = run_backfill(target, RENAME, second, FAST)
    assert len(refused) == 1
    assert (result.state, result.rows_changed) == (BackfillState.DONE, 3000)


def test_a_worker_that_lost_its_lease_ends_and_the_other_one_finishes(
    target: TargetDatabase,
) -> None:
    make_orders(target, 3000)
    finished: list[int] = []

    def overtaken(progress: Progress) -> None:
        if progress.batches == 2 and not finished:
            sql(target, "UPDATE davylamp.leases SET expires_at = '-infinity'")
            finished.append(run_backfill(target, RENAME, limits=FAST).rows_done)

    with pytest.raises(FencedOff):
        run_backfill(target, RENAME, overtaken, FAST)
    assert finished == [3000]
    assert state_of(target).backfills[0].progress.state is BackfillState.DONE


def test_its_connection_cut_it_goes_on_with_another(target: TargetDatabase) -> None:
    make_orders(target, 3000)
    cut = (
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
        "WHERE application_name ~ '^davylamp-schema [0-9a-f]+/'"
    )

    def every_third(progress: Progress) -> None:
        if progress.batches % 3 == 0:
            sql(target, cut)

    result = run_backfill(target, RENAME, every_third, FAST)
    assert (result.state, result.rows_done) == (BackfillState.DONE, 3000)
    assert result.rows_changed == 3000


def test_a_row_that_somebody_holds_is_waited_for_and_then_they_are_named(
    target: TargetDatabase,
) -> None:
    make_orders(target, 1000)
    install_dual_write(target, RENAME)
    with psycopg.connect(target.conninfo, application_name="report@7") as long:
        long.execute("UPDATE orders SET note = 'mine' WHERE id = 500")
        pid = long.info.backend_pid
        with pytest.raises(Refused, match=rf"held up by pid {pid} \(application 'report@7'"):
            run_backfill(target, RENAME, limits=FAST)
        done = state_of(target).backfills[0].progress
        assert done.state is BackfillState.FAILED
        assert done.rows_done == 499
    assert run_backfill(target, RENAME, limits=FAST).rows_done == 1000


def test_a_row_that_cannot_be_migrated_is_named_and_those_before_it_are_done(
    target: TargetDatabase,
) -> None:
    sql(
        target,
        "CREATE TABLE t (id int PRIMARY KEY, old text, new int)",
        "INSERT INTO t SELECT g, g::text FROM generate_series(1, 1000) g",
        "UPDATE t SET old = 'seven' WHERE id = 700",
    )
    numbers = DualWrite("t", "old", "new", forward="{old}::int", backward="{new}::text")
    with pytest.raises(Refused, match=r"can't be migrated: invalid input .* \"seven\""):
        run_backfill(target, numbers, limits=FAST)
    assert value(target, "SELECT count(*) FROM t WHERE new IS NOT NULL") == 699
    sql(target, "SET session_replication_role = replica; UPDATE t SET old = '7' WHERE id = 700")
    assert run_backfill(target, numbers, limits=FAST).rows_done == 1000


def test_rows_written_past_the_trigger_are_found_by_the_verification(
    target: TargetDatabase,
) -> None:
    make_orders(target, 1000)

    def past(progress: Progress) -> None:
        if progress.batches == 4:
            sql(
                target,
                "SET session_replication_role = replica; "
                "INSERT INTO orders (state) VALUES ('past'); "
                "UPDATE orders SET status = NULL WHERE id = 1",
            )

    result = run_backfill(target, RENAME, past, FAST)
    assert result.state is BackfillState.DONE
    assert value(target, LEFT) == 0
    assert value(target, "SELECT pass FROM davylamp.backfills") == 2


def test_what_never_settles_fails_with_the_keys(target: TargetDatabase) -> None:
    make_orders(target, 5)
    sql(
        target,
        "CREATE FUNCTION undo() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN NEW.status := NULL; RETURN NEW; END $$",
        "CREATE TRIGGER zzzz BEFORE UPDATE ON orders FOR EACH ROW EXECUTE FUNCTION undo()",
    )
    with pytest.raises(Refused, match="5 rows are still not migrated after 3 passes"):
        run_backfill(target, RENAME, limits=FAST)


def test_a_migrate_revision_backfills_and_then_validates(target: TargetDatabase) -> None:
    make_orders(target, 1000)
    filled = revision(
        "r1", None, "ALTER TABLE orders ADD CONSTRAINT filled CHECK (status IS NOT NULL) NOT VALID"
    )
    migrate = revision(
        "r2", "r1", "ALTER TABLE orders VALIDATE CONSTRAINT filled", Phase.MIGRATE, RENAME
    )
    assert apply_revisions(target, [filled, migrate]).applied == ("r1",)
    heard: list[Progress] = []
    applied = apply_revisions(
        target, [filled, migrate], Phase.MIGRATE, on_progress=heard.append, backfill=FAST
    )
    assert applied.applied == ("r2",)
    assert heard
    assert value(target, "SELECT convalidated FROM pg_constraint WHERE conname = 'filled'")
    assert rows(target, "SELECT revision FROM davylamp.dual_writes") == [("r2",)]


def test_a_stopped_backfill_stops_its_revision_and_the_state_says_where(
    target: TargetDatabase,
) -> None:
    make_orders(target, 1000)
    migrate = revision("r1", None, "ANALYZE orders", Phase.MIGRATE, RENAME)
    with pytest.raises(Refused, match=r"r1: its backfill public\.orders\.status is stopped"):
        apply_revisions(
            target, [migrate], Phase.MIGRATE, backfill=replace(FAST, deadline_seconds=0.0)
        )
    found = state_of(target, [migrate])
    assert found.phase is Phase.MIGRATE
    assert found.pending == ("r1",)
    assert "its 0 s were over" in found.stopped


def test_it_waits_while_others_wait_for_locks(target: TargetDatabase) -> None:
    make_orders(target, 1000)
    sql(target, "CREATE TABLE elsewhere (id int PRIMARY KEY)", "INSERT INTO elsewhere VALUES (1)")
    careful = replace(FAST, throttle=replace(UNTHROTTLED, lock_waiters=0, look_seconds=0.05))
    waited: list[str] = []
    with psycopg.connect(target.conninfo) as first:
        first.execute("UPDATE elsewhere SET id = 2")
        waiter = threading.Thread(target=_wait_for, args=(target,))
        waiter.start()

        def let_go(progress: Progress) -> None:
            if progress.waiting_for:
                waited.append(progress.waiting_for)
                first.rollback()

        _once_waiting(target, lambda: run_backfill(target, RENAME, let_go, careful))
    waiter.join(timeout=20)
    assert waited[0] == "1 sessions wait for locks (at most 0)"
    assert value(target, LEFT) == 0


def _wait_for(target: TargetDatabase) -> None:
    sql(target, "UPDATE elsewhere SET id = 3")


def _once_waiting(target: TargetDatabase, then: Callable[[], object]) -> None:
    until = threading.Event()
    for _ in range(200):
        if value(target, "SELECT count(*) FROM pg_locks WHERE NOT granted"):
            break
        until.wait(0.05)
    then()
