"""Rhythm: when to show a release under way again."""

from __future__ import annotations

from dataclasses import dataclass, field

_LEAST_SECONDS = 2.0
"""Between two showings, however often the verdict changes."""
_SPACING = 0.2
"""Of the release's age: an hour of it is some 27 showings, and not 240."""


@dataclass
class Rhythm:
    """Due when something new is said, and every so often; the older the release, the rarer: a
    release may last for hours, and each event is kept for weeks. Times in seconds of any clock."""

    every_seconds: float
    began: float
    _shown_at: float = field(default=float("-inf"))
    _shown: tuple[object, ...] = ()

    def is_due(self, now: float, said: tuple[object, ...]) -> bool:
        since = now - self._shown_at
        if said != self._shown:
            return since >= _LEAST_SECONDS
        return since >= max(self.every_seconds, _SPACING * (now - self.began))

    def note(self, now: float, said: tuple[object, ...]) -> None:
        """It is being shown."""
        self._shown_at, self._shown = now, said
