"""When may a drop be tried again? Pure: by what became of it before.

A quarantine that was missed has hurt somebody's users; the next one may too. So the pause doubles,
and begins with an hour where rights had been taken, with five minutes where nothing had happened.
"""

from __future__ import annotations

from dataclasses import dataclass

FIRST_SECONDS = 300.0
FIRST_AFTER_QUARANTINE_SECONDS = 3600.0
LONGEST_SECONDS = 86_400.0


@dataclass(frozen=True)
class Tried:
    """What became of a drop so far. Times in Unix seconds; 0 where there is none."""

    runs: int = 0
    """That have ended, of `schema_change` in this very phase and revision."""
    last_run: str = ""
    ended_at: float = 0.0
    stops: int = 0
    """Times that it stopped after its gate: the ledger's events, by whomever it was tried."""
    stopped_at: float = 0.0
    is_running: bool = False
    """A `schema_change` of the database is queued, running, or being terminated."""
    was_cancelled: bool = False
    """By somebody, the last time."""


def why_not(tried: Tried, now: float) -> str:
    """Why it isn't tried now; empty when it may be."""
    if tried.is_running:
        return "a run changes this database already"
    if tried.was_cancelled:
        return "somebody cancelled it: begin it by hand, once it may go on"
    after_run = tried.ended_at + pause(FIRST_SECONDS, tried.runs)
    after_stop = tried.stopped_at + pause(FIRST_AFTER_QUARANTINE_SECONDS, tried.stops)
    left = max(after_run, after_stop) - now
    if left <= 0:
        return ""
    return f"it was tried {max(tried.runs, tried.stops)} times; again in {_rounded(left)}"


def pause(first_seconds: float, times: int) -> float:
    """After so many times in vain."""
    return min(first_seconds * 2.0 ** min(times - 1, 20), LONGEST_SECONDS) if times else 0.0


def _rounded(seconds: float) -> str:
    return f"{seconds / 3600:.0f} h" if seconds >= 3600 else f"{max(1.0, seconds / 60):.0f} min"
