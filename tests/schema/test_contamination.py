"""Rows an older build can't read, looked for in a real PostgreSQL."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import psycopg
import pytest

from davylamp.builds.contract import Contract
from davylamp.schema.contaminated import Contamination, Limits, Since
from davylamp.schema.contamination import mark_of, probe_contamination

pytestmark = pytest.mark.server
PLAIN = Contract(databases={})
TABLE = """
CREATE SCHEMA sales;
CREATE TABLE orders (
    id bigint PRIMARY KEY, status text, total numeric, extra jsonb, old json,
    updated_at timestamptz DEFAULT clock_timestamp()
);
CREATE TABLE sales."Odd ""Name" ("Key 1" int, "key-2" int, "St.atus" varchar(9),
    PRIMARY KEY ("Key 1", "key-2"));
CREATE VIEW seen AS SELECT id, status FROM orders;
"""


@pytest.fixture(scope="module")
def url(postgres_server: str) -> Iterator[str]:
    name = f"contaminated_{uuid.uuid4().hex[:12]}"
    plain = postgres_server.replace("postgresql+psycopg://", "postgresql://")
    with psycopg.connect(plain, autocommit=True) as db:
        db.execute(f'CREATE DATABASE "{name}"')
    found = plain.rsplit("/", 1)[0] + f"/{name}"
    with psycopg.connect(found, autocommit=True) as db:
        db.execute(TABLE.encode())
    yield found
    with psycopg.connect(plain, autocommit=True) as db:
        db.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


@pytest.fixture
def db(url: str) -> Iterator[psycopg.Connection[Any]]:
    with psycopg.connect(url, autocommit=True) as found:
        found.execute('TRUNCATE orders, sales."Odd ""Name"')
        yield found


def reads(**columns: dict[str, Any]) -> Contract:
    domains = {name.replace("__", "."): {"reads": shape} for name, shape in columns.items()}
    return Contract.model_validate({"databases": {"shop": {}}, "domains": domains})


def probe(url: str, reader: Contract, since: Since | None = None, **more: Any) -> Contamination:
    return probe_contamination(url, PLAIN, reader, since, database="shop", **more)


def test_unknown_values_are_counted_with_samples_that_name_their_rows(
    url: str, db: psycopg.Connection[Any]
) -> None:
    db.execute(
        "INSERT INTO orders (id, status) SELECT n, CASE WHEN n <= 7 THEN 'refunded' WHEN n = 8 "
        "THEN NULL ELSE 'paid' END FROM generate_series(1, 100) n"
    )
    found = probe(url, reads(orders__status={"values": ["open", "paid"]}))
    assert [(f.column, f.rows, f.at_least) for f in found.found] == [("orders.status", 7, False)]
    assert found.found[0].samples == tuple(f"id={n}: refunded" for n in range(1, 6))
    assert str(found).startswith("7 rows of orders.status hold none of 'open', 'paid', e.g. id=1")
    assert found.looked_at == {"orders": "100 rows"}


def test_the_short_form_of_a_contract_is_probed_too(url: str, db: psycopg.Connection[Any]) -> None:
    db.execute("INSERT INTO orders (id, status) VALUES (1, 'refunded')")
    old = Contract(reads_values={"orders.status": ("open",), "no column": ("x",)})
    assert probe(url, old).rows == 1


@pytest.mark.parametrize(
    ("shape", "unreadable"),
    [
        ({"json_keys": ["a", "b"]}, {"extra key", "a list"}),
        ({"required_keys": ["a"]}, {"empty", "a list"}),
        ({"types": {"a": ["string"]}}, {"a is 1", "a is 1.5", "a is null", "a list"}),
        ({"types": {"a": ["integer", "string"]}}, {"a is 1.5", "a is null", "a list"}),
        ({"types": {"a": ["number", "string"]}}, {"a is null", "a list"}),
        ({"nullable": False}, {"nothing"}),
    ],
)
@pytest.mark.parametrize("column", ["extra", "old"])
def test_json_of_another_shape_is_found(
    url: str,
    db: psycopg.Connection[Any],
    shape: dict[str, Any],
    unreadable: set[str],
    column: str,
) -> None:
    documents = {
        "fine": '{"a": "x", "b": null}',
        "empty": "{}",
        "extra key": '{"a": "x", "z": 1}',
        "a is 1": '{"a": 1}',
        "a is 1.5": '{"a": 1.5}',
        "a is null": '{"a": null}',
        "a list": "[1]",
        "nothing": None,
    }
    for number, document in enumerate(documents.values()):
        row = [number, document]
        db.execute(f"INSERT INTO orders (id, {column}) VALUES (%s, %s)".encode(), row)
    found = probe(url, reads(**{f"orders__{column}": shape}))
    names = list(documents)
    samples = [s.partition(":")[0].removeprefix("id=") for f in found.found for s in f.samples]
    assert {names[int(s)] for s in samples} == unreadable
    assert not found.unknown


def test_a_sample_of_json_shows_keys_and_types_and_no_value(
    url: str, db: psycopg.Connection[Any]
) -> None:
    db.execute("""INSERT INTO orders (id, extra) VALUES (1, '{"mail": "ana@example.org"}')""")
    found = probe(url, reads(orders__extra={"json_keys": []}))
    assert found.found[0].samples == ("id=1: mail: string",)


def test_numbers_outside_of_a_range_are_found_nan_among_them(
    url: str, db: psycopg.Connection[Any]
) -> None:
    db.execute("INSERT INTO orders (id, total) VALUES (1, 5), (2, -0.01), (3, 9.991), (4, 'NaN')")
    found = probe(url, reads(orders__total={"minimum": 0, "maximum": 9.99}))
    assert [s.partition(":")[0] for s in found.found[0].samples] == ["id=2", "id=3", "id=4"]


def test_odd_names_and_keys_of_several_columns(url: str, db: psycopg.Connection[Any]) -> None:
    db.execute("""INSERT INTO sales."Odd ""Name" VALUES (1, 2, '50% off')""")
    name = 'sales."Odd ""Name"."St.atus"'
    found = probe(url, reads(**{name: {"values": ["%s", "'; DROP TABLE orders; --"]}}))
    assert found.found[0].samples == ("Key 1=1, key-2=2: 50% off",)


def test_only_rows_changed_since_count_where_the_contract_names_a_column_for_it(
    url: str, db: psycopg.Connection[Any]
) -> None:
    db.execute("INSERT INTO orders (id, status) VALUES (1, 'refunded')")
    now = db.execute("SELECT clock_timestamp()").fetchone()
    assert now is not None
    db.execute("INSERT INTO orders (id, status) VALUES (2, 'refunded')")
    db.execute("INSERT INTO orders (id, status, updated_at) VALUES (3, 'refunded', NULL)")
    old = Contract.model_validate(
        {
            "databases": {"shop": {"changed_at": {"orders": "updated_at"}}},
            "domains": {"orders.status": {"reads": {"values": ["open"]}}},
        }
    )
    assert probe(url, old, Since(at=now[0])).rows == 2
    assert probe(url, old, Since(at=now[0] - timedelta(hours=1))).rows == 3


def test_without_such_a_column_a_rows_own_transaction_says_when_it_was_written(
    url: str, db: psycopg.Connection[Any]
) -> None:
    db.execute("INSERT INTO orders (id, status) VALUES (1, 'refunded'), (2, 'open'), (3, 'open')")
    db.execute("VACUUM (FREEZE) orders")
    mark = mark_of(url, "shop")
    db.execute("UPDATE orders SET status = 'lost' WHERE id = 2")
    db.execute("INSERT INTO orders (id, status) VALUES (4, 'lost')")
    reader = reads(orders__status={"values": ["open"]})
    found = probe(url, reader, Since(transaction=mark))
    assert sorted(found.found[0].samples) == ["id=2: lost", "id=4: lost"]
    assert f"written from transaction {mark} on" in found.looked_at["orders"]


@pytest.mark.parametrize("mark", [2**40, 5 - 2**31])
def test_a_mark_that_cant_be_of_this_database_counts_every_row(
    url: str, db: psycopg.Connection[Any], mark: int
) -> None:
    db.execute("INSERT INTO orders (id, status) VALUES (1, 'refunded')")
    reader = reads(orders__status={"values": ["open"]})
    assert probe(url, reader, Since(transaction=mark)).rows == 1


def test_a_transaction_that_was_open_at_the_mark_counts(
    url: str, db: psycopg.Connection[Any]
) -> None:
    with psycopg.connect(url) as early:
        early.execute("INSERT INTO orders (id, status) VALUES (1, 'refunded')")
        mark = mark_of(url, "shop")
        early.commit()
    assert probe(url, reads(orders__status={"values": []}), Since(transaction=mark)).rows == 1


def test_a_bounded_look_says_at_least_and_is_never_clean(
    url: str, db: psycopg.Connection[Any]
) -> None:
    db.execute("INSERT INTO orders (id, status) SELECT n, 'open' FROM generate_series(1, 50) n")
    found = probe(url, reads(orders__status={"values": ["open"]}), limits=Limits(rows=10))
    assert (found.rows, found.is_clean) == (0, False)
    assert "more rows that count than the 10 looked at" in str(found)


@pytest.mark.parametrize(
    ("name", "shape", "said"),
    [
        ("orders.gone", {"values": ["a"]}, "orders.gone isn't there"),
        ("nowhere.status", {"values": ["a"]}, "nowhere.status isn't there"),
        ("orders.status", {"minimum": 1}, "orders.status isn't number"),
        ("orders.total", {"json_keys": ["a"]}, "orders.total isn't json"),
    ],
)
def test_what_cant_be_asked_is_unknown_and_never_clean(
    url: str, db: psycopg.Connection[Any], name: str, shape: dict[str, Any], said: str
) -> None:
    found = probe(url, reads(**{name: shape}))
    assert not found.is_clean
    assert said in str(found)


def test_a_view_is_looked_at_as_a_whole(url: str, db: psycopg.Connection[Any]) -> None:
    db.execute("INSERT INTO orders (id, status) VALUES (1, 'refunded')")
    found = probe(url, reads(seen__status={"values": ["open"]}), Since(transaction=10**9))
    assert found.found[0].samples == ("refunded",)


def test_a_locked_table_is_given_up_on_and_named(url: str, db: psycopg.Connection[Any]) -> None:
    with psycopg.connect(url) as holder:
        holder.execute("LOCK TABLE orders IN ACCESS EXCLUSIVE MODE")
        found = probe(url, reads(orders__status={"values": ["open"]}))
        holder.rollback()
    assert "orders could not be looked at within" in str(found)


def test_a_slow_look_ends_with_its_statement_timeout(url: str, db: psycopg.Connection[Any]) -> None:
    db.execute("INSERT INTO orders (id, status) SELECT n, 'x' FROM generate_series(1, 200000) n")
    limits = Limits(statement_seconds=0.002)
    found = probe(url, reads(orders__status={"values": ["open"]}), limits=limits)
    assert not found.is_clean
    assert "could not be looked at" in str(found)


def test_nothing_is_asked_of_a_database_no_domain_is_in() -> None:
    nowhere = "postgresql://postgres@127.0.0.1:9/none"
    assert probe(nowhere, PLAIN).is_clean


def test_a_database_that_does_not_answer_is_unknown_and_raises_nothing() -> None:
    nowhere = "postgresql://postgres@127.0.0.1:9/none"
    found = probe(nowhere, reads(orders__status={"values": ["open"]}))
    assert "could not be looked at" in str(found)


def test_the_look_goes_on_while_the_application_writes(
    url: str, db: psycopg.Connection[Any]
) -> None:
    db.execute("INSERT INTO orders (id, status) SELECT n, 'open' FROM generate_series(1, 5000) n")
    wrong = threading.Event()

    def write() -> None:
        with psycopg.connect(url, autocommit=True) as writer:
            writer.execute("SET lock_timeout = '250ms'")
            for number in range(1, 300):
                try:
                    writer.execute("UPDATE orders SET total = 1 WHERE id = %s", [number])
                except psycopg.Error:
                    wrong.set()

    thread = threading.Thread(target=write)
    thread.start()
    for _ in range(3):
        assert probe(url, reads(orders__status={"values": ["open"]})).is_clean
    thread.join(30)
    assert not wrong.is_set()
