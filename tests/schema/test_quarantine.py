"""Rights on a column that is to go: taken, watched, and given back at the first sign."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Iterator

import psycopg
import pytest

from davylamp.errors import BadInput, Refused
from davylamp.schema.apply import apply_revisions
from davylamp.schema.database import TargetDatabase
from davylamp.schema.dual_write import install_dual_write
from davylamp.schema.quarantine import (
    QuarantineLimits,
    begin_quarantine,
    end_quarantine,
    give_back_abandoned,
    watch_quarantine,
)
from davylamp.schema.quarantine_record import QuarantineState
from davylamp.schema.quarantine_rights import Held
from davylamp.schema.quarantine_witness import names_column
from tests.schema.shop_orders import RENAME, make_orders, revision, rows, sql, value

pytestmark = pytest.mark.server
STATE = Held("public", "orders", "state")
QUICK = QuarantineLimits(look_seconds=0.05, watch_seconds=1)
DENIED = psycopg.errors.InsufficientPrivilege


@pytest.fixture
def role(target: TargetDatabase) -> Iterator[str]:
    """An application's role with the usual grants on a table that is being renamed in."""
    name = f"app_{uuid.uuid4().hex[:8]}"
    make_orders(target, 10)
    install_dual_write(target, RENAME)
    sql(
        target,
        f"CREATE ROLE {name} LOGIN",
        f"GRANT SELECT, INSERT, UPDATE, DELETE ON orders TO {name}",
        f"GRANT SELECT (note) ON orders TO {name} WITH GRANT OPTION",
        "GRANT SELECT ON orders TO pg_monitor",
    )
    yield name
    sql(target, f"DROP OWNED BY {name}", f"DROP ROLE {name}")


def _as(target: TargetDatabase, role: str, query: str) -> None:
    sql(target, f"SET ROLE {role}; {query}")


def _rights(target: TargetDatabase) -> set[tuple[object, ...]]:
    return set(
        rows(
            target,
            "SELECT '', x.grantee::regrole::text, x.privilege_type, x.is_grantable "
            "FROM pg_class c, aclexplode(c.relacl) x WHERE c.oid = 'orders'::regclass "
            "UNION ALL SELECT a.attname, x.grantee::regrole::text, x.privilege_type, "
            "x.is_grantable FROM pg_attribute a, aclexplode(a.attacl) x "
            "WHERE a.attrelid = 'orders'::regclass",
        )
    )


def test_the_old_shape_is_denied_and_the_new_one_notices_nothing(
    target: TargetDatabase, role: str
) -> None:
    begin_quarantine(target, STATE, [role], 60, QUICK)
    for old in (
        "SELECT state FROM orders",
        "SELECT * FROM orders",
        "UPDATE orders SET state = 'x'",
        "INSERT INTO orders (state) VALUES ('x')",
    ):
        with pytest.raises(DENIED):
            _as(target, role, old)
    _as(target, role, "INSERT INTO orders (status) VALUES ('paid')")
    _as(target, role, "UPDATE orders SET status = 'sent' WHERE id = 1")
    _as(target, role, "SELECT id, status, note FROM orders; DELETE FROM orders WHERE id = 2")
    assert value(target, "SELECT state FROM orders WHERE id = 1") == "sent"


def test_rights_come_back_exactly_as_they_were(target: TargetDatabase, role: str) -> None:
    before = _rights(target)
    begin_quarantine(target, STATE, [role], 60, QUICK)
    assert _rights(target) != before
    begin_quarantine(target, STATE, [role], 60, QUICK)  # goes on as it is
    ended = end_quarantine(target, STATE, "enough", QUICK)
    assert _rights(target) == before
    assert ended.state is QuarantineState.GIVEN_BACK
    assert end_quarantine(target, STATE, "again", QUICK).reason == "enough"


def test_rights_through_public_and_groups_are_taken_too(target: TargetDatabase, role: str) -> None:
    group = f"{role}_group"
    sql(
        target,
        f"CREATE ROLE {group}",
        f"GRANT {group} TO {role}",
        f"GRANT SELECT (state), UPDATE ON orders TO {group}",
        "GRANT SELECT ON orders TO PUBLIC",
    )
    before = _rights(target)
    begin_quarantine(target, STATE, [role], 60, QUICK)
    with pytest.raises(DENIED):
        _as(target, role, "SELECT state FROM orders")
    end_quarantine(target, STATE, "enough", QUICK)
    assert _rights(target) == before
    sql(target, f"DROP OWNED BY {group}", f"DROP ROLE {group}")


def test_a_role_that_cannot_be_kept_from_the_column_is_refused(
    target: TargetDatabase, role: str
) -> None:
    before = _rights(target)
    with pytest.raises(Refused, match="postgres is a superuser"):
        begin_quarantine(target, STATE, ["postgres"], 60, QUICK)
    with pytest.raises(BadInput, match="no role nobody_of_that_name"):
        begin_quarantine(target, STATE, ["nobody_of_that_name"], 60, QUICK)
    assert _rights(target) == before
    sql(target, f"ALTER TABLE orders OWNER TO {role}")
    with pytest.raises(Refused, match="owns the table"):
        begin_quarantine(target, STATE, [role], 60, QUICK)
    sql(target, "ALTER TABLE orders OWNER TO postgres")


def test_it_passes_when_nobody_misses_the_column(target: TargetDatabase, role: str) -> None:
    begin_quarantine(target, STATE, [role], 0.3, QUICK)
    assert watch_quarantine(target, STATE, limits=QUICK).state is QuarantineState.PASSED
    with pytest.raises(DENIED):
        _as(target, role, "SELECT state FROM orders")


def test_a_signal_of_errors_gives_the_rights_back(target: TargetDatabase, role: str) -> None:
    begin_quarantine(target, STATE, [role], 60, QUICK)
    ended = watch_quarantine(target, STATE, lambda: "orders answers 500", QUICK)
    assert ended.state is QuarantineState.GIVEN_BACK
    assert ended.reason == "somebody misses it: orders answers 500"
    _as(target, role, "SELECT state FROM orders")


def test_a_session_seen_asking_for_the_column_gives_the_rights_back(
    target: TargetDatabase, role: str
) -> None:
    begin_quarantine(target, STATE, [role], 60, QUICK)
    conninfo = target.conninfo.replace("postgres@", f"{role}@")
    with psycopg.connect(conninfo, autocommit=True, application_name="orders@0.9") as old:
        with pytest.raises(DENIED):
            old.execute("SELECT id, state FROM orders")
        ended = watch_quarantine(target, STATE, limits=QUICK)
        assert "'orders@0.9'" in ended.reason
        assert "SELECT id, state FROM orders" in ended.reason
        old.execute("SELECT id, state FROM orders")


def test_one_that_nobody_watches_is_ended_by_whoever_finds_it(
    target: TargetDatabase, role: str
) -> None:
    brief = QuarantineLimits(watch_seconds=0.1)
    begin_quarantine(target, STATE, [role], 60, brief)
    threading.Event().wait(0.3)
    assert give_back_abandoned(target, brief) == ("public.orders.state",)
    assert give_back_abandoned(target, brief) == ()
    _as(target, role, "SELECT state FROM orders")


def test_a_column_added_meanwhile_is_granted_as_its_table_was(
    target: TargetDatabase, role: str
) -> None:
    before = _rights(target)
    begin_quarantine(target, STATE, [role], 60, QUICK)
    apply_revisions(target, [revision("r1", None, "ALTER TABLE orders ADD COLUMN extra int")])
    _as(target, role, "UPDATE orders SET extra = 1")
    end_quarantine(target, STATE, "enough", QUICK)
    assert _rights(target) == before
    _as(target, role, "UPDATE orders SET extra = 2")


@pytest.mark.parametrize(
    ("query", "does"),
    [
        ("SELECT state FROM orders", True),
        ('select "state" from "orders"', True),
        ("SELECT o.* FROM orders o", True),
        ("INSERT INTO orders (id) VALUES (1) RETURNING *", True),
        ("SELECT count(*) FROM orders", False),
        ("SELECT estate, state_of FROM orders", False),
        ("SELECT state FROM reorders", False),
    ],
)
def test_a_statement_names_a_column_or_takes_all_of_them(query: str, does: bool) -> None:
    assert names_column(query, "orders", "state") is does
