from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from davylamp.errors import BadInput
from davylamp.schema.lineage import Lineage, lineage_of


def test_the_order_follows_from_each_revisions_parent() -> None:
    found = lineage_of({"c": "b", "a": None, "b": "a"})
    assert found.order == ("a", "b", "c")
    assert found.between("a", "c") == ("b", "c")
    assert found.between("", "b") == ("a", "b")
    assert found.between("c", "a") == ()


@pytest.mark.parametrize(
    ("downs", "said"),
    [
        ({"a": None, "b": "a", "c": "a"}, "forks after a: b, c"),
        ({"a": None, "b": None}, r"2 beginnings \(a, b\)"),
        ({"a": None, "c": "b"}, "c follows b, which is not there"),
        ({"a": "b", "b": "a"}, "no beginning"),
        ({"r": None, "a": "b", "b": "a"}, "circle: a, b"),
    ],
)
def test_a_history_that_is_no_line_is_bad_input(downs: dict[str, str | None], said: str) -> None:
    with pytest.raises(BadInput, match=said):
        lineage_of(downs)


def test_what_isnt_known_is_neither_earlier_nor_later() -> None:
    line = Lineage(("a", "b"))
    assert line.at_least("z", "a") is None
    assert line.at_least("a", "z") is None
    assert line.at_least("z", "z")
    assert line.at_least("", "a") is False
    assert line.at_least("", "")
    with pytest.raises(BadInput, match="no revision 'z'"):
        line.between("z", "b")


@given(st.integers(0, 30), st.randoms())
def test_any_line_is_put_in_order_however_it_is_told(length: int, dice: object) -> None:
    order = [f"r{n}" for n in range(length)]
    told = list(zip(order, [None, *order], strict=False))
    dice.shuffle(told)  # type: ignore[attr-defined]
    assert lineage_of(told).order == tuple(order)
