"""The ticks of a stream file: where each belongs, and the columns of each side."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, cast

import numpy as np

from davylamp.judge.recording import Slices
from davylamp.judge.sample import Floats, Series
from davylamp.judge.stream_header import SIDES, Header, WrongStream, are_numbers, is_number

_MOST_TICKS = 1_000_000
_COUNTS = ("n", "c4", "c5", "to", "s", "r")
"""A reading in which one of these makes no sense is no reading."""
_GAUGES = ("q", "cpu", "rss")
"""One of these that makes no sense is left out alone: the requests beside it still count."""
_COLUMNS = (*_COUNTS, *_GAUGES)
_SENSELESS = "that went backwards or is no number"


@dataclass
class SideColumns:
    """Columns of one side, by tick; NaN where there is no reading."""

    values: Floats
    latency: Floats
    classes: Floats
    """(T,) answers with a class: what is left of n are answers without one."""


@dataclass
class Notes:
    counts: dict[str, int] = field(default_factory=dict[str, int])

    def add(self, what: str, times: int = 1) -> None:
        self.counts[what] = self.counts.get(what, 0) + times

    def words(self) -> tuple[str, ...]:
        return tuple(f"{n} × {what}" for what, n in self.counts.items())


def read_places(ticks: list[tuple[int, dict[str, Any]]], notes: Notes) -> dict[int, int]:
    """Line number → 0-based tick. Repeated and late ticks have no place."""
    times: list[float] = []
    for number, tick in ticks:
        t = tick.get("t")
        if not is_number(t) or not math.isfinite(cast(float, t)):
            raise WrongStream(f"line {number}, t: must be a number, found {t!r}")
        times.append(float(cast(float, t)))
    steps = [b - a for a, b in pairwise(times) if b > a]
    unit = float(np.median(steps)) if steps else 1.0
    places: dict[int, int] = {}
    last = -1
    for (number, _), t in zip(ticks, times, strict=True):
        after = (t - times[0]) / unit
        if not abs(after) < _MOST_TICKS:
            raise WrongStream(f"line {number}, t: {t:g} is {after:,.0f} ticks after the first")
        place = round(after)
        if place <= last:
            notes.add("tick repeated" if place == last else "tick late")
            continue
        places[number], last = place, place
    return places


def read_side(
    name: str,
    ticks: list[tuple[int, dict[str, Any]]],
    places: Mapping[int, int],
    length: int,
    header: Header,
    notes: Notes,
) -> SideColumns:
    side = SideColumns(
        np.full((length, len(_COLUMNS)), np.nan),
        np.full((length, len(header.bounds) + 1), np.nan),
        np.full(length, np.nan),
    )
    for number, tick in ticks:
        place = places.get(number)
        if place is None:
            continue
        found = tick.get(SIDES[name])
        if found is None:
            notes.add(f"no reading of the {name}")
            continue
        where = f"line {number}, {SIDES[name]}"
        if not isinstance(found, dict):
            raise WrongStream(f"{where}: must be an object, found {found!r}")
        for wrong in _fill(side, place, cast("dict[str, Any]", found), where):
            notes.add(f"{wrong} of the {name} {_SENSELESS}")
    return side


def _fill(side: SideColumns, place: int, found: Mapping[str, Any], where: str) -> tuple[str, ...]:
    """Put one reading into its row. Returns what makes no sense, and so stays unknown."""
    values = [found.get(name) for name in _COLUMNS]
    for name, value in zip(_COLUMNS, values, strict=True):
        if value is not None and not is_number(value):
            raise WrongStream(f"{where}.{name}: must be a number, found {value!r}")
    if values[0] is None:
        raise WrongStream(f"{where}.n: is missing; it is the number of completed requests")
    counts = found.get("h", [])
    width = side.latency.shape[1]
    if not isinstance(counts, list) or not are_numbers(cast("list[Any]", counts)):
        raise WrongStream(f"{where}.h: must be a list of counts, found {counts!r}")
    counts = cast("list[float]", counts)
    if len(counts) > width:
        raise WrongStream(f"{where}.h: {len(counts)} buckets, le_ms allows {width}")
    must = [*counts, *(v for v in values[: len(_COUNTS)] if v is not None)]
    if not (all(map(math.isfinite, must)) and min(must) >= 0):
        return ("reading",)
    side.values[place] = [math.nan if v is None else float(v) for v in values]
    side.latency[place] = 0.0
    side.latency[place, : len(counts)] = counts
    answered = [found.get(c) for c in ("c2", "c4", "c5")]
    side.classes[place] = sum(float(v) for v in answered if v is not None and is_number(v))
    gauges = zip(_GAUGES, values[len(_COUNTS) :], strict=True)
    return tuple(k for k, v in gauges if v is not None and not 0 <= v < math.inf)


def series_of_side(side: SideColumns, tick_seconds: float) -> Series:
    """Time-outs are failures, whether counted among the answers or beside them."""
    n, c4, c5, timeouts, started, restarts, in_flight, cpu, memory = side.values.T
    known = np.isfinite(n)

    def count(column: Floats) -> Floats:
        return np.where(known, np.nan_to_num(column, nan=0.0), np.nan)

    late = count(timeouts)
    beside = n - side.classes >= late
    failed = np.where(beside, count(c5) + late, np.maximum(count(c5), late))
    failed = np.minimum(failed, n)
    ticks = len(n)
    return Series(
        at=tick_seconds * np.arange(1, ticks + 1, dtype=np.float64),
        seconds=np.full(ticks, tick_seconds),
        started=started,
        succeeded=n - failed,
        failed=failed,
        client_errors=count(c4),
        latency=side.latency,
        in_flight=in_flight,
        cpu_seconds=cpu,
        memory_bytes=memory,
        restarts=np.maximum(count(restarts), 0.0),
    )


def read_slices(
    ticks: list[tuple[int, dict[str, Any]]],
    places: Mapping[int, int],
    length: int,
    header: Header,
    notes: Notes,
) -> Slices | None:
    groups = max(
        (len(cast("list[Any]", t["sl"])) for _, t in ticks if isinstance(t.get("sl"), list)),
        default=0,
    )
    if not groups:
        return None
    bounds = header.slice_bounds or header.bounds
    rows = np.full((length, groups, len(bounds) + 3), np.nan)
    for number, tick in ticks:
        place, found = places.get(number), tick.get("sl")
        if place is None or found is None:
            continue
        where = f"line {number}, sl"
        if not isinstance(found, list) or not all(
            isinstance(s, list) for s in cast("list[Any]", found)
        ):
            raise WrongStream(f"{where}: must be a list of lists of counts")
        for j, counts in enumerate(cast("list[list[Any]]", found)):
            if len(counts) > rows.shape[2] or not are_numbers(counts):
                raise WrongStream(f"{where}[{j}]: must be at most {rows.shape[2]} counts")
            if all(map(math.isfinite, counts)) and min(counts, default=0) >= 0:
                rows[place, j] = 0.0
                rows[place, j, : len(counts)] = counts
            else:
                notes.add(f"slice {_SENSELESS}")
    return Slices(bounds, rows[:, :, 0], np.minimum(rows[:, :, 1], rows[:, :, 0]), rows[:, :, 2:])
