"""Do a service's users fail more than they did? Pure: two readings of counters in, words out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from davylamp.judge.sample import Sample

LEAST_SHARE = 0.02
"""Of the requests that ended; below that nobody can tell it from an ordinary second."""
LEAST_FAILURES = 3
LEAST_RATIO = 4.0
"""How much higher the share must be than it was before."""
LONGEST_SECONDS = 10.0
"""A service with few requests is looked at over so long."""


@dataclass(frozen=True)
class Reading:
    """A service's counters at one moment."""

    at: float
    """Unix seconds."""
    ended: int
    failed: int


@dataclass(frozen=True)
class Heard:
    """What is remembered of a service."""

    share_before: float
    """Of all requests its counters knew of at the first reading, those that failed."""
    recent: tuple[Reading, ...]
    """Oldest first, of the last `LONGEST_SECONDS`; since the counters last began anew."""


def reading_of(sample: Sample) -> Reading:
    return Reading(sample.at, sample.succeeded + sample.failed, sample.failed)


def first_heard(now: Reading) -> Heard:
    return Heard(now.failed / now.ended if now.ended else 0.0, (now,))


def hear(heard: Heard, now: Reading) -> tuple[Heard, str]:
    """Take in the next reading: what is remembered then, and in words that users fail more;
    empty when they don't. Judged since the last reading, and over all that is remembered."""
    last = heard.recent[-1]
    if now.at <= last.at:
        return heard, ""
    if now.failed < last.failed or now.ended < last.ended:
        return replace(heard, recent=(now,)), ""
    kept = tuple(one for one in heard.recent if now.at - one.at <= LONGEST_SECONDS) or (last,)
    words = [_failing(heard.share_before, since, now) for since in (last, kept[0])]
    return replace(heard, recent=(*kept, now)), next(filter(None, words), "")


def told(said: Sequence[tuple[str, str]]) -> str:
    """What is wrong with which service, as one sentence."""
    return "; ".join(f"{service} {words}" for service, words in said if words)


def _failing(before: float, since: Reading, now: Reading) -> str:
    ended, failed = now.ended - since.ended, now.failed - since.failed
    share = failed / ended if ended else 0.0
    if failed < LEAST_FAILURES or share < LEAST_SHARE or share < LEAST_RATIO * before:
        return ""
    return (
        f"failed {failed} of {ended} requests within {now.at - since.at:.1f} s "
        f"({share:.1%}; before it was {before:.2%})"
    )
