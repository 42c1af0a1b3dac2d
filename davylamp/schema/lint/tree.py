"""Walking a parse tree, and writing parts of one as SQL."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pglast.ast import ColumnRef, Node, String
from pglast.stream import RawStream


def nodes_in(root: Any) -> Iterator[Node]:
    """All nodes of a tree, the root too. Without recursion: a tree may be deep."""
    waiting: list[Any] = [root]
    while waiting:
        one = waiting.pop()
        if isinstance(one, tuple):
            waiting.extend(one)  # pyright: ignore[reportUnknownArgumentType]
        elif isinstance(one, Node):
            yield one
            waiting.extend(getattr(one, name) for name in one)


def columns_in(root: Any) -> frozenset[str]:
    """Names of the columns an expression mentions; '*' where it takes a whole row."""
    return frozenset(_last(one) for one in nodes_in(root) if isinstance(one, ColumnRef))


def sql_of(node: Node | None) -> str:
    """A piece of a tree as SQL."""
    return RawStream()(node) if node is not None else ""


def _last(reference: ColumnRef) -> str:
    last = (reference.fields or (None,))[-1]
    return (last.sval or "") if isinstance(last, String) else "*"
