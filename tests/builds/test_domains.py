from __future__ import annotations

import pytest
from pydantic import ValidationError

from davylamp.builds.contract import Contract
from davylamp.builds.domains import Shape, parse_column


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("orders.status", ("orders", "status")),
        ("sales.orders.status", ("sales", "orders", "status")),
        ("Or ders.Status", ("Or ders", "Status")),
        ('"a.b"."say ""x"""', ("a.b", 'say "x"')),
    ],
)
def test_a_column_is_named_as_the_catalog_spells_it(name: str, parts: tuple[str, ...]) -> None:
    assert parse_column(name) == parts


@pytest.mark.parametrize("name", ["orders", "a.b.c.d", "a.", ".b", '"a.b', ""])
def test_anything_else_is_no_column(name: str) -> None:
    with pytest.raises(ValueError, match=r"write table\.column"):
        parse_column(name)


def test_the_short_form_and_the_long_form_say_the_same() -> None:
    short = Contract(writes_values={"orders.status": ("a",)}, reads_values={"orders.x": ("b",)})
    long = Contract.model_validate(
        {
            "domains": {
                "orders.status": {"writes": {"values": ["a"]}},
                "orders.x": {"reads": {"values": ["b"]}},
            }
        }
    )
    assert short.written() == long.written() == {"orders.status": Shape(values=("a",))}
    assert short.readable() == long.readable() == {"orders.x": Shape(values=("b",))}


@pytest.mark.parametrize(
    ("document", "said"),
    [
        ({"databases": {"shop": {"reads": ["status"]}}}, "write table.column"),
        (
            {"domains": {"o.s": {"writes": {}}}, "writes_values": {"o.s": ["a"]}},
            "say it once",
        ),
        ({"domains": {"o.s": {"database": "shop"}}}, "doesn't have 'shop'"),
        ({"domains": {"o.n": {"reads": {"minimum": 2, "maximum": 1}}}}, "above maximum"),
        ({"domains": {"o.n": {"reads": {"maximum": float("inf")}}}}, "finite"),
        (
            {"domains": {"o.e": {"reads": {"json_keys": ["a"], "required_keys": ["b"]}}}},
            "json_keys lacks b",
        ),
        ({"domains": {"o.e": {"reads": {"types": {"a": ["text"]}}}}}, "integer"),
    ],
)
def test_a_contract_that_contradicts_itself_is_refused(
    document: dict[str, object], said: str
) -> None:
    with pytest.raises(ValidationError, match=said):
        Contract.model_validate(document)


def test_a_domain_belongs_to_the_database_it_names_or_to_any_of_its_builds() -> None:
    two = Contract.model_validate(
        {
            "databases": {"shop": {}, "audit": {}},
            "domains": {"a.b": {"database": "shop"}, "c.d": {}},
        }
    )
    assert [two.is_in("a.b", n) for n in ("shop", "audit", "other")] == [True, False, False]
    assert [two.is_in("c.d", n) for n in ("shop", "audit", "other")] == [True, True, False]
    assert Contract().is_in("x.y", "shop")
