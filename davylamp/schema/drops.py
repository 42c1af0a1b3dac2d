"""What a drop takes from whom: columns that go with it, and its name for people and the ledger."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from davylamp.schema.facts import Column

if TYPE_CHECKING:  # its module brings PostgreSQL's parser along
    from davylamp.schema.shape_changes import Dropped

_RELATIONS = ("table", "foreign_table", "view", "matview", "partition")


def takes(drop: Dropped, column: Column) -> bool:
    """Whether a column, or rows of it, are gone with what is dropped."""
    if (drop.schema or "public") != column.schema:
        return False
    if drop.kind == "schema":
        return True
    if drop.kind == "column":
        return (drop.table, drop.column) == (column.table, column.name)
    return drop.kind in _RELATIONS and drop.table == column.table


def is_named_by_contracts(drop: Dropped) -> bool:
    """Whether contracts can tell who needs it. What goes by CASCADE has no name at all."""
    return drop.kind in ("column", "table") and not drop.cascade


def in_words(drop: Dropped) -> str:
    parts = [part for part in (drop.schema if drop.schema != "public" else "", drop.table) if part]
    name = drop.column or (drop.name if drop.name != drop.table else "")
    dotted = ".".join([*parts, *([name] if name else [])])
    return f"{drop.kind} {dotted}" + (" and what depends on it" if drop.cascade else "")


def drop_document(drop: Dropped) -> dict[str, Any]:
    return asdict(drop)


def drop_from(document: Mapping[str, Any]) -> Dropped:
    from davylamp.schema.shape_changes import Dropped

    return Dropped(**document)
