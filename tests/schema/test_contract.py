"""The drop: of what is migrated, and missed by nobody."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Iterator

import psycopg
import pytest

from davylamp.errors import Refused
from davylamp.schema.apply import apply_revisions
from davylamp.schema.apply_limits import ApplyLimits
from davylamp.schema.backfill.limits import UNTHROTTLED, BackfillLimits
from davylamp.schema.contract import contract_revision
from davylamp.schema.database import TargetDatabase
from davylamp.schema.patience import LockLimits
from davylamp.schema.phases import Phase
from davylamp.schema.quarantine import QuarantineLimits, begin_quarantine, watch_quarantine
from davylamp.schema.quarantine_rights import Held
from davylamp.schema.state import state_of
from tests.schema.shop_orders import RENAME, make_orders, revision, rows, sql, value

pytestmark = pytest.mark.server
FAST = BackfillLimits(throttle=UNTHROTTLED)
MIGRATE = revision("r1", None, "ANALYZE orders", Phase.MIGRATE, RENAME)
DROP = revision("r2", "r1", "ALTER TABLE orders DROP COLUMN state", Phase.CONTRACT)
HISTORY = [MIGRATE, DROP]
STATE = Held("public", "orders", "state")
QUICK = QuarantineLimits(look_seconds=0.05, watch_seconds=5)


@pytest.fixture
def role(target: TargetDatabase) -> Iterator[str]:
    name = f"app_{uuid.uuid4().hex[:8]}"
    make_orders(target, 100)
    sql(target, f"CREATE ROLE {name}", f"GRANT SELECT, INSERT, UPDATE ON orders TO {name}")
    apply_revisions(target, HISTORY, Phase.MIGRATE, backfill=FAST)
    yield name
    sql(target, f"DROP OWNED BY {name}", f"DROP ROLE {name}")


def _pass_quarantine(target: TargetDatabase, role: str) -> None:
    begin_quarantine(target, STATE, [role], 0.1, QUICK)
    watch_quarantine(target, STATE, limits=QUICK)


def test_after_its_quarantine_the_column_goes_with_its_trigger_and_rights_come_back(
    target: TargetDatabase, role: str
) -> None:
    _pass_quarantine(target, role)
    contract_revision(target, HISTORY, "r2")
    contract_revision(target, HISTORY, "r2")  # it ran already
    sql(target, f"SET ROLE {role}; INSERT INTO orders (status) VALUES ('new'); TABLE orders")
    assert value(target, "SELECT count(*) FROM orders WHERE status IS NULL") == 0
    assert value(target, "SELECT count(*) FROM pg_trigger WHERE NOT tgisinternal") == 0
    column_grants = "SELECT attname FROM pg_attribute WHERE attacl IS NOT NULL AND attrelid = %s"
    assert rows(target, column_grants.replace("%s", "'orders'::regclass")) == []
    found = state_of(target, HISTORY)
    assert (found.revision, found.pending, found.dual_writes) == ("r2", (), ())


def test_without_a_quarantine_that_passed_nothing_is_dropped(
    target: TargetDatabase, role: str
) -> None:
    with pytest.raises(Refused, match="its quarantine is never begun"):
        contract_revision(target, HISTORY, "r2")
    begin_quarantine(target, STATE, [role], 60, QUICK)
    assert state_of(target).phase is Phase.CONTRACT
    watch_quarantine(target, STATE, lambda: "errors", QUICK)
    with pytest.raises(Refused, match="given_back: somebody misses it"):
        contract_revision(target, HISTORY, "r2")
    contract_revision(target, HISTORY, "r2", needs_quarantine=False)


def test_rows_that_are_not_migrated_keep_the_old_column(target: TargetDatabase, role: str) -> None:
    _pass_quarantine(target, role)
    sql(target, "SET session_replication_role = replica; UPDATE orders SET status = 'lost'")
    with pytest.raises(Refused, match="100 rows are not migrated"):
        contract_revision(target, HISTORY, "r2")
    sql(target, "UPDATE davylamp.backfills SET state = 'running'")
    with pytest.raises(Refused, match="backfill is running"):
        contract_revision(target, HISTORY, "r2")


def test_only_the_next_contract_revision_of_the_history_is_run(
    target: TargetDatabase, role: str
) -> None:
    more = revision("r3", "r2", "ALTER TABLE orders DROP COLUMN note", Phase.CONTRACT)
    with pytest.raises(Refused, match="r2 comes before r3"):
        contract_revision(target, [*HISTORY, more], "r3")


def test_a_drop_that_gets_no_lock_changes_nothing_and_the_dual_write_goes_on(
    target: TargetDatabase, role: str
) -> None:
    _pass_quarantine(target, role)
    impatient = ApplyLimits(locks=LockLimits(patience_seconds=0.8, lock_seconds=0.1))
    with psycopg.connect(target.conninfo, application_name="report@7") as long:
        long.execute("SELECT count(*) FROM orders")
        with pytest.raises(Refused, match="report@7"):
            contract_revision(target, HISTORY, "r2", limits=impatient)
        sql(target, "INSERT INTO orders (status) VALUES ('new')")
    assert value(target, "SELECT state FROM orders ORDER BY id DESC LIMIT 1") == "new"
    contract_revision(target, HISTORY, "r2")


def test_new_code_goes_on_writing_while_the_column_is_dropped(
    target: TargetDatabase, role: str
) -> None:
    _pass_quarantine(target, role)
    done, written, failed = threading.Event(), [0], list[str]()

    def write() -> None:
        with psycopg.connect(target.conninfo, autocommit=True) as db:
            while not done.is_set():
                try:
                    db.execute("INSERT INTO orders (status) VALUES ('new')")
                    written[0] += 1
                except psycopg.Error as error:
                    failed.append(str(error))

    writer = threading.Thread(target=write, daemon=True)
    writer.start()
    contract_revision(target, HISTORY, "r2")
    done.wait(0.1)
    done.set()
    writer.join(timeout=10)
    assert failed == []
    assert value(target, "SELECT count(*) FROM orders WHERE status = 'new'") == written[0]
