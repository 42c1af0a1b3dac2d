"""The guard against databases, on a real PostgreSQL in each state of a column's rename."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, replace

import psycopg
import pytest

from davylamp.builds.contract import Contract
from davylamp.errors import Refused
from davylamp.ledger.schema import KnownRevision
from davylamp.rollout.coexistence import LiveBuild, check_coexistence
from davylamp.rollout.switch import Side, check_switch
from davylamp.schema.control import ensure_control
from davylamp.schema.database import TargetDatabase
from davylamp.schema.dual_names import id_of
from davylamp.schema.facts import SchemaFacts
from davylamp.schema.look import facts_of
from davylamp.schema.revision import DualWrite

pytestmark = pytest.mark.server
RENAME = DualWrite("orders", "state", "status")
DROP = {"kind": "column", "schema": "public", "name": "state", "table": "orders", "column": "state"}
KNOWN = (
    KnownRevision("shop", "r1", None, "expand", "1"),
    KnownRevision("shop", "r2", "r1", "expand", "2"),
    KnownRevision("shop", "r3", "r2", "migrate", "3", dual_write=asdict(RENAME)),
    KnownRevision("shop", "r4", "r3", "contract", "4", (DROP,)),
)
STEPS = (
    "CREATE TABLE orders (id bigint PRIMARY KEY, state text);"
    "CREATE TABLE alembic_version (version_num text); INSERT INTO alembic_version VALUES ('r1')",
    "ALTER TABLE orders ADD COLUMN status text; UPDATE alembic_version SET version_num = 'r2'",
    "UPDATE alembic_version SET version_num = 'r3'",
    "ALTER TABLE orders DROP COLUMN state; UPDATE alembic_version SET version_num = 'r4'",
)


def needs(column: str, oldest: str, newest: str = "", **more: object) -> Contract:
    shop = {"reads": [column], "writes": [column], "oldest_revision": oldest}
    shop |= {"newest_revision": newest}
    return Contract.model_validate({"databases": {"shop": shop}, **more})


OLD = Side("1.0.0", needs("orders.state", "r1"))
NEW = Side("1.1.0", needs("orders.status", "r2"))


class Shop:
    """A database that goes through the steps of a rename."""

    def __init__(self, url: str) -> None:
        self.target = TargetDatabase(url, "shop")

    def go(self, *steps: int) -> Shop:
        with self.target.connect("test") as db:
            for step in steps:
                db.execute(STEPS[step - 1].encode())
        return self

    def backfill(self, state: str, done: int = 0) -> Shop:
        with self.target.connect("test") as db:
            ensure_control(db)
            db.execute(
                "INSERT INTO davylamp.backfills (id, state, rows_done, rows_estimated) "
                "VALUES (%s, %s, %s, 10) ON CONFLICT (id) DO UPDATE SET state = excluded.state",
                [id_of(RENAME), state, done],
            )
        return self

    def quarantine(self) -> Shop:
        with self.target.connect("test") as db:
            db.execute(
                "INSERT INTO davylamp.quarantines (id, schema_name, table_name, column_name, roles,"
                " saved, state, until, watched_until) VALUES ('q', 'public', 'orders', 'state',"
                " '{}', '{}', 'open', now(), now())"
            )
        return self

    def facts(self) -> dict[str, SchemaFacts]:
        return {"shop": facts_of(self.target, KNOWN)}


@pytest.fixture
def shop(postgres_server: str) -> Iterator[Shop]:
    name = f"shop_{uuid.uuid4().hex[:12]}"
    plain = postgres_server.replace("postgresql+psycopg://", "postgresql://")
    with psycopg.connect(plain, autocommit=True) as db:
        db.execute(f'CREATE DATABASE "{name}"')
    yield Shop(plain.rsplit("/", 1)[0] + f"/{name}")
    with psycopg.connect(plain, autocommit=True) as db:
        db.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


def told(conflicts: Sequence[object]) -> str:
    return "; ".join(map(str, conflicts))


def test_facts_are_read_from_the_database(shop: Shop) -> None:
    assert shop.facts()["shop"].present == ""
    found = shop.go(1, 2).facts()["shop"]
    assert found.applied == ("r1", "r2")
    assert {str(c) for c in found.columns} >= {"orders.state", "orders.status"}
    assert [str(b.column) for b in found.backfills] == ["orders.status"]
    assert shop.backfill("running", done=4).facts()["shop"].backfills[0].rows_left == 6
    assert shop.backfill("done").facts()["shop"].backfills == ()


def test_two_revisions_at_once_are_no_state_to_judge_by(shop: Shop) -> None:
    shop.go(1)
    with shop.target.connect("test") as db:
        db.execute("INSERT INTO alembic_version VALUES ('rx')")
    with pytest.raises(Refused, match="two heads"):
        shop.facts()


States = tuple[str, Callable[[Shop], Shop], str]
STATES: tuple[States, ...] = (
    ("before", lambda s: s.go(1), "it needs revision r2 of shop, which is at r1: run r2 first"),
    ("expanded", lambda s: s.go(1, 2), "orders.status, which is not filled yet"),
    (
        "being filled",
        lambda s: s.go(1, 2, 3).backfill("running", done=4),
        "orders.status, which 6 rows still lack: data migration leads the code; "
        "run `davylamp schema backfill run orders.status --database shop`",
    ),
    ("migrated", lambda s: s.go(1, 2, 3).backfill("done"), ""),
    (
        "in quarantine",
        lambda s: s.go(1, 2, 3).backfill("done").quarantine(),
        "1.0.0 can't run beside the database shop: it reads orders.state, which is being dropped",
    ),
    (
        "contracted",
        lambda s: s.go(1, 2, 3, 4).backfill("done"),
        "1.0.0 can't run beside the database shop: revision r4 of shop has dropped column "
        "orders.state: its contract names orders.state",
    ),
)


@pytest.mark.parametrize(("reach", "refusal"), [s[1:] for s in STATES], ids=[s[0] for s in STATES])
def test_a_blue_green_switch_with_a_breaking_change_goes_only_where_both_builds_work(
    shop: Shop, reach: Callable[[Shop], Shop], refusal: str
) -> None:
    found = check_switch(NEW, OLD, reach(shop).facts())
    assert refusal in told(found.conflicts)
    assert bool(found.conflicts) == bool(refusal)


def test_a_switch_waits_for_the_migration_its_own_image_brings(shop: Shop) -> None:
    reads_old = replace(OLD, name="1.1.0")
    facts = shop.go(1, 2).facts()
    assert not check_switch(reads_old, OLD, facts, {"shop": ["r1", "r2"]}).conflicts
    found = check_switch(reads_old, OLD, facts, {"shop": ["r1", "r2", "r3", "r4"]})
    assert "is to be migrated first (r3)" in told(found.conflicts)


def test_a_switch_compares_values_in_both_directions(shop: Shop) -> None:
    facts = shop.go(1, 2, 3).backfill("done").facts()
    more = Side("1.2.0", needs("orders.status", "r2", writes_values={"orders.status": ["new"]}))
    less = Side("1.1.0", needs("orders.status", "r2", reads_values={"orders.status": ["old"]}))
    assert "which the other can't read" in told(check_switch(more, less, facts).conflicts)
    assert "which the other can't read" in told(check_switch(less, more, facts).conflicts)


def test_before_the_expand_op_what_it_may_bring_is_not_held_against_a_candidate(
    shop: Shop,
) -> None:
    facts = shop.go(1).facts()
    alive = [LiveBuild("1.0.0", ("i1",), OLD.contract)]
    early = check_coexistence(NEW.contract, "1.1.0", alive, facts, before_expand=True)
    assert not early.conflicts
    assert early.checked == ("1.0.0", "shop at r1")
    assert check_coexistence(NEW.contract, "1.1.0", alive, facts).conflicts


def test_a_build_that_needs_the_old_column_gone_cant_bring_that_about_itself(shop: Shop) -> None:
    after = needs("orders.status", "r4")
    found = check_coexistence(after, "1.2.0", [], shop.go(1, 2).facts(), before_expand=True)
    assert "needs revision r4" in told(found.conflicts)


def test_what_is_gone_can_never_be_brought_back_by_an_expand_op(shop: Shop) -> None:
    facts = shop.go(1, 2, 3, 4).backfill("done").facts()
    found = check_coexistence(OLD.contract, "1.0.0", [], facts, before_expand=True)
    assert "has dropped column orders.state" in told(found.conflicts)


def test_a_build_that_says_up_to_where_it_works_is_believed(shop: Shop) -> None:
    facts = shop.go(1, 2, 3, 4).backfill("done").facts()
    vague = Contract.model_validate({"databases": {"shop": {"newest_revision": "r3"}}})
    found = check_coexistence(vague, "1.0.9", [], facts)
    assert "works up to r3 and not with r4" in told(found.conflicts)
    tried = Contract.model_validate({"databases": {"shop": {"newest_revision": "r4"}}})
    assert not check_coexistence(tried, "1.2.0", [], facts).conflicts


def test_a_database_the_catalog_doesnt_name_cant_be_checked_and_is_refused(shop: Shop) -> None:
    found = check_coexistence(NEW.contract, "1.1.0", [], {})
    assert "add it under `databases`" in told(found.conflicts)


def test_an_overridden_release_meets_unreadable_values_and_never_a_missing_column(
    shop: Shop,
) -> None:
    facts = shop.go(1, 2, 3, 4).backfill("done").facts()
    new = Contract(writes_values={"orders.status": ("new",)})
    old = needs("orders.state", "r1", reads_values={"orders.status": ["old"]})
    alive = [LiveBuild("1.2.0", ("i1",), new)]
    found = check_coexistence(old, "1.0.0", alive, facts).overriding()
    assert "can't read" in told(found.overridden)
    assert "has dropped" in told(found.conflicts)
