"""Narrator: tells a run's log what is new in a release, and is silent about the rest."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from davylamp.rollout.conduct import Tick


class Narrator:
    """One line when the step, the judge's word or the decision changes: an event a line, and
    a release may last for hours."""

    def __init__(self, say: Callable[[str], object]) -> None:
        self._say = say
        self._said: tuple[object, ...] = ()

    def __call__(self, tick: Tick) -> None:
        news = (tick.progress.phase, tick.progress.step, tick.verdict.outcome, tick.decision.move)
        if news == self._said:
            return
        self._said = news
        self._say(
            f"{tick.share:.0%} of users ({tick.progress.phase}), "
            f"{tick.progress.requests} requests: {tick.verdict.headline} → {tick.decision.move}"
        )
