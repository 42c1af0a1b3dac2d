"""Lineage: the order of a database's revisions. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property

from davylamp.errors import BadInput


@dataclass(frozen=True)
class Lineage:
    """Revisions from the first to the newest that is known."""

    order: tuple[str, ...] = ()

    def knows(self, revision: str) -> bool:
        return revision in self._places

    def at_least(self, present: str, wanted: str) -> bool | None:
        """Whether a database at `present` has had `wanted`; None when that isn't known.

        An empty `present` is a database before its first revision; nothing wanted is had always.
        """
        if not wanted or present == wanted:
            return True
        if not present:
            return False
        if not (self.knows(present) and self.knows(wanted)):
            return None
        return self._places[present] >= self._places[wanted]

    def between(self, present: str, wanted: str) -> tuple[str, ...]:
        """The revisions after `present` up to and with `wanted`, in the order they are to be run;
        none when `wanted` isn't ahead. Raises `BadInput` for a revision it doesn't know."""
        start, end = self._place_after(present), self._place_after(wanted)
        return self.order[start:end]

    def _place_after(self, revision: str) -> int:
        if not revision:
            return 0
        if not self.knows(revision):
            known = ", ".join(self.order[-5:]) or "none at all"
            raise BadInput(f"the history has no revision {revision!r}; its newest are {known}")
        return self._places[revision] + 1

    @cached_property
    def _places(self) -> Mapping[str, int]:
        return {revision: place for place, revision in enumerate(self.order)}


def lineage_of(downs: Mapping[str, str | None] | Iterable[tuple[str, str | None]]) -> Lineage:
    """The order of revisions, from each one's id and the one before it.

    Raises `BadInput` for two heads, two beginnings, a gap or a circle.
    """
    parents = dict(downs)
    if not parents:
        return Lineage()
    for revision, down in parents.items():
        if down is not None and down not in parents:
            raise BadInput(f"revision {revision} follows {down}, which is not there: add its file")
    roots = sorted(revision for revision, down in parents.items() if down is None)
    if len(roots) != 1:
        found = f"{len(roots)} beginnings ({', '.join(roots)})" if roots else "no beginning"
        raise BadInput(f"the history has {found}: one revision, and only one, has no down_revision")
    return Lineage(_walk(roots[0], parents))


def _walk(root: str, parents: Mapping[str, str | None]) -> tuple[str, ...]:
    children: dict[str, list[str]] = {}
    for revision, down in parents.items():
        if down is not None:
            children.setdefault(down, []).append(revision)
    order = [root]
    while following := children.get(order[-1]):
        if len(following) > 1:
            raise BadInput(
                f"the history forks after {order[-1]}: {', '.join(sorted(following))} both follow "
                "it. Let one follow the other"
            )
        order.append(following[0])
    if len(order) != len(parents):
        circle = ", ".join(sorted({*parents} - {*order}))
        raise BadInput(f"the history runs in a circle: {circle}")
    return tuple(order)
