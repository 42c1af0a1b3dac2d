"""The phases of a schema change, and which of several is furthest."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum


class Phase(StrEnum):
    """Where a statement, a revision or a folder belongs."""

    NONE = "none"
    """Changes nothing of the shape (SELECT, COMMENT, an empty file)."""
    EXPAND = "expand"
    """Adds beside what is there: safe while every live build knows only the old shape."""
    MIGRATE = "migrate"
    """Brings data into the new shape, both shapes being there."""
    CONTRACT = "contract"
    """Takes the old shape away: safe once no live build needs it."""
    REFUSED = "refused"
    """Never safe beside live builds; there is another way to do it."""


_ORDER = tuple(Phase)


def furthest(phases: Iterable[Phase]) -> Phase:
    """The one that comes last in none → expand → migrate → contract → refused."""
    return max(phases, key=_ORDER.index, default=Phase.NONE)
