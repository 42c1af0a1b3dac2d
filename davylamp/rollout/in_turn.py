"""Going round: what isn't reached in time is the first next time."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator


def in_turn(
    names: Iterable[str], after: str, seconds: float, clock: Callable[[], float] = time.monotonic
) -> Iterator[str]:
    """All names, beginning behind `after`, until so many seconds have gone; always one at least."""
    ordered = sorted(names)
    behind = [name for name in ordered if name > after]
    ends = clock() + seconds
    for place, name in enumerate([*behind, *(n for n in ordered if n <= after)]):
        if place and clock() >= ends:
            return
        yield name
