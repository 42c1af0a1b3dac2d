"""Where a release stands, and what it may do next: plain values for `decide`."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Phase(StrEnum):
    STEPPING = "stepping"
    HELD = "held"
    """Waiting for a human, at the share it had; silence rolls back."""
    WATCHING = "watching"
    """All users on the candidate; the previous build is warm."""


@dataclass(frozen=True)
class Wish:
    """What an operator wants: `promote` or `hold`. (Rolling back needs no wish: it is done.)"""

    what: str
    by: str
    why: str = ""


@dataclass(frozen=True)
class Progress:
    """A release's state as seen at one tick. Times in seconds."""

    phase: Phase
    step: int
    phase_seconds: float
    """Since this step (or hold, or watch) was confirmed by the router."""
    requests: int
    """Requests the candidate completed in this step."""
    blind_seconds: float = 0.0
    """Since the last signal of the candidate."""
    candidate_ready: int = 1
    """Copies of the candidate that are alive and ready, as far as anybody can say."""
    candidate_wanted: int = 1
    """How many there should be before they are all that users have."""
    wish: Wish | None = None


class Move(StrEnum):
    KEEP = "keep"
    NEXT_STEP = "next_step"
    PROMOTE = "promote"
    HOLD = "hold"
    ROLL_BACK = "roll_back"
    FINISH = "finish"
    """The watch has ended well: the candidate becomes stable."""


@dataclass(frozen=True)
class Decision:
    """What to do, and why."""

    move: Move
    reason: str
    blames_build: bool = False
    """Whether the build itself was found wanting: then it isn't tried again by itself."""
