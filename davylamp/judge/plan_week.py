"""How much traffic is there, by hour of the week?"""

from __future__ import annotations

import numpy as np

from davylamp.judge.sample import Floats

HOURS = 168
DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_HOUR = 3600.0
_THURSDAY = 3 * 24
"""Unix time begins on a Thursday."""


def hours_of_week(timestamps: Floats, counts: Floats, utc_offset_hours: float = 0.0) -> Floats:
    """(168,) requests/s by hour of the week, Monday 00:00 first; NaN for hours never seen.

    `timestamps` (n,) in Unix seconds, in any order; `counts` (n,) a counter's readings at them,
    which only grows (as `Sample.started`). What lies between two readings is spread evenly over
    the time between them. Left out: pairs more than an hour apart, and those where the counter
    went back (what counts was restarted). Hours are UTC's, moved by `utc_offset_hours`.
    """
    order = np.argsort(timestamps, kind="stable")
    at = np.asarray(timestamps, dtype=np.float64)[order] + _HOUR * utc_offset_hours
    readings = np.asarray(counts, dtype=np.float64)[order]
    seconds, grown = np.diff(at), np.diff(readings)
    usable = (seconds > 0) & (seconds <= _HOUR) & (grown >= 0)
    start, end = at[:-1][usable], at[1:][usable]
    rate = grown[usable] / seconds[usable]
    edge = _HOUR * (np.floor(start / _HOUR) + 1)
    before = np.minimum(end, edge) - start
    after = np.maximum(end - edge, 0.0)
    hour = (np.floor(start / _HOUR).astype(np.intp) + _THURSDAY) % HOURS
    place = np.concatenate([hour, (hour + 1) % HOURS])
    length = np.concatenate([before, after])
    known = np.bincount(place, length, HOURS)
    total = np.bincount(place, length * np.concatenate([rate, rate]), HOURS)
    return np.divide(total, known, out=np.full(HOURS, np.nan), where=known > 0)


def name_of(hour: int) -> str:
    """Of an hour of the week: "Tuesday 14:00"."""
    return f"{DAYS[hour // 24]} {hour % 24:02d}:00"
