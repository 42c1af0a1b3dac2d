"""Lists in sentences."""

from __future__ import annotations

from collections.abc import Sequence

_MOST = 8


def some(names: Sequence[str]) -> str:
    """The first few of many."""
    more = f" and {len(names) - _MOST} more" if len(names) > _MOST else ""
    return ", ".join(names[:_MOST]) + more
