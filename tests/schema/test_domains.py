"""What one build writes and another can't read."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from davylamp.builds.contract import Contract
from davylamp.builds.domains import JsonType, Shape
from davylamp.schema.domains import beyond, unreadable


@pytest.mark.parametrize(
    ("written", "readable", "said"),
    [
        ({"values": ["a", "b"]}, {"values": ["a"]}, ["= 'b'"]),
        ({"values": ["a"]}, {"values": ["a", "b"]}, []),
        ({"values": ["a"]}, {}, []),
        ({}, {"values": ["a"]}, []),
        ({"nullable": True}, {"nullable": False}, ["as NULL"]),
        ({"nullable": False}, {"nullable": False}, []),
        ({"minimum": 0, "maximum": 9}, {"maximum": 5}, ["above 5 (up to 9)"]),
        ({"minimum": 0}, {"minimum": 0, "maximum": 5}, ["above 5"]),
        ({"minimum": 1, "maximum": 5}, {"minimum": 0, "maximum": 5}, []),
        ({"minimum": -1}, {"minimum": 0}, ["below 0 (down to -1)"]),
        ({"json_keys": ["a", "b"]}, {"json_keys": ["a"]}, ["with the key 'b'"]),
        ({"required_keys": ["a"]}, {"json_keys": ["b"]}, ["with the key 'a'"]),
        (
            {"json_keys": ["a"]},
            {"required_keys": ["a"]},
            ["at times without the key 'a'"],
        ),
        ({"required_keys": ["a"]}, {"required_keys": ["a"]}, []),
        ({"types": {"a": ["string"]}}, {"types": {"a": ["number"]}}, ["with 'a' as string"]),
        ({"types": {"a": ["integer"]}}, {"types": {"a": ["number"]}}, []),
        ({"types": {"a": ["number"]}}, {"types": {"a": ["integer"]}}, ["with 'a' as number"]),
        ({"types": {"a": ["number"]}}, {"types": {"b": ["string"]}}, []),
    ],
)
def test_a_shape_goes_beyond_another(
    written: dict[str, Any], readable: dict[str, Any], said: list[str]
) -> None:
    assert beyond(Shape.model_validate(written), Shape.model_validate(readable)) == said


def test_only_domains_both_declare_are_compared_whatever_form_they_have() -> None:
    writer = Contract.model_validate(
        {"domains": {"o.s": {"writes": {"values": ["new"]}}, "o.t": {"writes": {"minimum": 0}}}}
    )
    reader = Contract(reads_values={"o.s": ("old",), "o.u": ("x",)})
    assert list(map(str, unreadable(writer, reader))) == ["it writes o.s = 'new'"]
    assert unreadable(reader, writer) == []


names = st.sampled_from("abc")
shapes = st.builds(
    Shape,
    values=st.none() | st.lists(names, max_size=3).map(tuple),
    nullable=st.none() | st.booleans(),
    minimum=st.none() | st.integers(0, 3),
    maximum=st.none() | st.integers(3, 6),
    required_keys=st.lists(names, max_size=2).map(tuple),
    types=st.dictionaries(names, st.lists(st.sampled_from(JsonType), min_size=1).map(tuple)),
)


@given(shapes)
def test_what_a_build_writes_it_can_read_itself(shape: Shape) -> None:
    assert beyond(shape, shape) == []


@given(shapes, shapes)
def test_a_reader_of_anything_reads_anything(written: Shape, readable: Shape) -> None:
    assert beyond(written, Shape()) == []
    if beyond(written, readable):
        assert readable != Shape()
