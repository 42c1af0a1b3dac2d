"""Moments, durations and numbers as people read them on a page."""

from __future__ import annotations

from datetime import UTC, datetime

UNKNOWN = "–"
_MINUTE, _HOUR, _DAY = 60.0, 3600.0, 86_400.0


def moment(at: datetime | None) -> str:
    """`2026-03-01 12:00:05 UTC`: a page is read anywhere."""
    return UNKNOWN if at is None else f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def clock(at: datetime | None) -> str:
    """`1 Mar 12:00:05`, in UTC: where the year stands elsewhere."""
    return UNKNOWN if at is None else f"{at.astimezone(UTC):%-d %b %H:%M:%S}"


def duration(seconds: float | None) -> str:
    """With two digits or three: `4.2 s`, `38 s`, `12 min`, `3.5 h`, `2.1 days`."""
    if seconds is None:
        return UNKNOWN
    for limit, unit, name in ((120, 1.0, "s"), (2 * _HOUR, _MINUTE, "min"), (2 * _DAY, _HOUR, "h")):
        if seconds < limit:
            return f"{_short(seconds / unit)} {name}"
    return f"{_short(seconds / _DAY)} days"


def between(earlier: datetime | None, later: datetime | None) -> float | None:
    """Seconds; None where either isn't known."""
    return None if earlier is None or later is None else (later - earlier).total_seconds()


def count(value: float | None) -> str:
    return UNKNOWN if value is None else f"{value:,.0f}"


def plural(number: int, noun: str) -> str:
    """`1 release`, `2 releases`"""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def share(value: float | None) -> str:
    """Of [0, 1], in per cent."""
    return UNKNOWN if value is None else f"{100 * value:.3g} %"


def short_digest(digest: str | None) -> str:
    return "" if not digest else digest[:19]


def spoken(state: str) -> str:
    """`rolled_back` → `rolled back`."""
    return state.replace("_", " ")


def _short(value: float) -> str:
    return f"{value:.1f}" if value < 10 else f"{value:.0f}"
