"""Two columns that hold the same fact, whoever writes either of them."""

from __future__ import annotations

import pytest

from davylamp.errors import BadInput, Refused
from davylamp.schema.database import TargetDatabase
from davylamp.schema.dual_names import routine_of
from davylamp.schema.dual_write import install_dual_write, uninstall_dual_write
from davylamp.schema.revision import DualWrite
from tests.schema.shop_orders import RENAME, make_orders, rows, sql, value

pytestmark = pytest.mark.server
ROW = "SELECT state, status FROM orders WHERE id = 1"


def test_whichever_side_is_written_the_other_follows(target: TargetDatabase) -> None:
    make_orders(target, 0)
    install_dual_write(target, RENAME)
    sql(target, "INSERT INTO orders (state) VALUES ('old')")
    sql(target, "INSERT INTO orders (status) VALUES ('new')")
    assert rows(target, "SELECT state, status FROM orders ORDER BY id") == [
        ("old", "old"),
        ("new", "new"),
    ]
    sql(target, "UPDATE orders SET state = 'a' WHERE id = 1")
    assert rows(target, ROW) == [("a", "a")]
    sql(target, "UPDATE orders SET status = 'b' WHERE id = 1")
    assert rows(target, ROW) == [("b", "b")]


def test_where_both_sides_are_given_and_contradict_the_new_one_wins(target: TargetDatabase) -> None:
    make_orders(target, 0)
    install_dual_write(target, RENAME)
    sql(target, "INSERT INTO orders (state, status) VALUES ('old', 'new')")
    assert rows(target, ROW) == [("new", "new")]
    sql(target, "UPDATE orders SET state = 'x', status = 'y'")
    assert rows(target, ROW) == [("y", "y")]


def test_any_update_of_a_row_from_before_migrates_it(target: TargetDatabase) -> None:
    make_orders(target, 1)
    install_dual_write(target, RENAME)
    sql(target, "UPDATE orders SET note = 'seen'")
    assert rows(target, ROW) == [("state 1", "state 1")]


def test_a_default_of_the_old_column_never_overrides_what_a_new_build_writes(
    target: TargetDatabase,
) -> None:
    make_orders(target, 0)
    sql(target, "ALTER TABLE orders ALTER COLUMN state SET DEFAULT 'open'")
    install_dual_write(target, RENAME)
    sql(target, "INSERT INTO orders (status) VALUES ('paid')")
    assert rows(target, ROW) == [("paid", "paid")]


def test_a_default_of_the_new_column_never_overrides_what_an_old_build_writes(
    target: TargetDatabase,
) -> None:
    make_orders(target, 0)
    sql(target, "ALTER TABLE orders ALTER COLUMN status SET DEFAULT 'open'")
    install_dual_write(target, RENAME)
    sql(target, "INSERT INTO orders (state) VALUES ('paid')")
    assert rows(target, ROW) == [("paid", "paid")]


def test_defaults_that_contradict_each_other_are_refused(target: TargetDatabase) -> None:
    make_orders(target, 0)
    sql(
        target,
        "ALTER TABLE orders ALTER COLUMN status SET DEFAULT 'open', "
        "ALTER COLUMN state SET DEFAULT 'new'",
    )
    with pytest.raises(Refused, match="contradict each other"):
        install_dual_write(target, RENAME)


def test_a_new_side_that_holds_more_than_the_old_one_keeps_it(target: TargetDatabase) -> None:
    sql(
        target,
        "CREATE TABLE bills (id uuid PRIMARY KEY DEFAULT gen_random_uuid(), euros int, "
        "cents bigint)",
    )
    money = DualWrite("bills", "euros", "cents", forward="({old} * 100)::bigint",
                      backward="({new} / 100)::int")  # fmt: skip
    install_dual_write(target, money)
    sql(target, "INSERT INTO bills (cents) VALUES (1234)")
    assert rows(target, "SELECT euros, cents FROM bills") == [(12, 1234)]
    sql(target, "UPDATE bills SET euros = euros")
    assert rows(target, "SELECT euros, cents FROM bills") == [(12, 1234)]
    sql(target, "UPDATE bills SET euros = 15")
    assert rows(target, "SELECT euros, cents FROM bills") == [(15, 1500)]


def test_names_with_quotes_spaces_capitals_and_63_bytes_work(target: TargetDatabase) -> None:
    long = "ä" * 31 + "x"
    odd = DualWrite(long, '{new} "Old"', "N$fn$ %s", key='K "y', schema='My "Schema')
    names = 'CREATE SCHEMA "My ""Schema"'
    sql(
        target,
        names,
        f'CREATE TABLE "My ""Schema"."{long}" ("K ""y" text PRIMARY KEY, "{{new}} ""Old""" text, '
        '"N$fn$ %s" text)',
    )
    install_dual_write(target, odd)
    sql(target, f'INSERT INTO "My ""Schema"."{long}" VALUES (1, \'a\', NULL), (2, NULL, \'b\')')
    assert rows(target, f'SELECT * FROM "My ""Schema"."{long}"') == [
        ("1", "a", "a"),
        ("2", "b", "b"),
    ]
    assert len(routine_of(odd)) <= 63


def test_whatever_the_writers_search_path_names_mean_the_same(target: TargetDatabase) -> None:
    make_orders(target, 0)
    sql(
        target,
        "CREATE FUNCTION lower_of(text) RETURNS text IMMUTABLE LANGUAGE sql "
        "AS 'SELECT pg_catalog.lower($1)'",
        "CREATE SCHEMA elsewhere",
        "CREATE FUNCTION elsewhere.lower_of(text) RETURNS text LANGUAGE sql AS $$SELECT 'bad'$$",
    )
    install_dual_write(target, DualWrite("orders", "state", "status", forward="lower_of({old})"))
    sql(target, "SET search_path = elsewhere; INSERT INTO public.orders (state) VALUES ('ABC')")
    assert value(target, "SELECT status FROM orders") == "abc"


def test_installing_it_again_changes_nothing_and_removing_it_twice_is_fine(
    target: TargetDatabase,
) -> None:
    make_orders(target, 1)
    assert install_dual_write(target, RENAME)
    assert not install_dual_write(target, RENAME)
    uninstall_dual_write(target, RENAME)
    uninstall_dual_write(target, RENAME)
    assert value(target, "SELECT count(*) FROM pg_trigger WHERE NOT tgisinternal") == 0
    assert install_dual_write(target, RENAME)


def test_a_trigger_that_somebody_disabled_is_put_back(target: TargetDatabase) -> None:
    make_orders(target, 1)
    install_dual_write(target, RENAME)
    sql(target, f"ALTER TABLE orders DISABLE TRIGGER {routine_of(RENAME)}")
    assert install_dual_write(target, RENAME)
    sql(target, "INSERT INTO orders (state) VALUES ('old')")
    assert value(target, "SELECT status FROM orders ORDER BY id DESC LIMIT 1") == "old"


def test_a_missing_column_and_an_expression_that_fails_are_bad_input(
    target: TargetDatabase,
) -> None:
    make_orders(target, 1)
    with pytest.raises(BadInput, match="no column gone"):
        install_dual_write(target, DualWrite("orders", "gone", "status"))
    with pytest.raises(BadInput, match="no_such_function"):
        install_dual_write(
            target, DualWrite("orders", "state", "status", forward="no_such_function({old})")
        )


def test_an_expression_that_differs_each_time_is_refused(target: TargetDatabase) -> None:
    make_orders(target, 1)
    with pytest.raises(Refused, match="function random is volatile"):
        install_dual_write(
            target, DualWrite("orders", "state", "status", forward="({old} || random())")
        )


def test_a_key_by_which_rows_would_be_skipped_is_refused(target: TargetDatabase) -> None:
    make_orders(target, 1)
    with pytest.raises(Refused, match="unique index"):
        install_dual_write(target, DualWrite("orders", "state", "status", key="note"))
