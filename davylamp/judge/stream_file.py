"""Stream files: JSON lines, a header and then one tick a line. Read with care, written plainly."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, cast

import numpy as np

from davylamp.judge.recording import Recording, Slices, cut_zeros
from davylamp.judge.sample import Floats, Series

SIDES = {"baseline": "b", "canary": "c", "stable": "st"}
_MOST_TICKS = 1_000_000
_COLUMNS = ("n", "c4", "c5", "to", "s", "q", "cpu", "rss", "r")


class WrongStream(ValueError):
    """A stream file that can't be read: says the line and the field."""


@dataclass
class _Side:
    """Columns of one side, by tick; NaN where there is no reading."""

    values: Floats
    latency: Floats
    classes: Floats
    """(T,) answers with a class: what is left of n are answers without one."""


@dataclass
class _Notes:
    counts: dict[str, int] = field(default_factory=dict[str, int])

    def add(self, what: str, times: int = 1) -> None:
        self.counts[what] = self.counts.get(what, 0) + times

    def words(self) -> tuple[str, ...]:
        return tuple(f"{n} × {what}" for what, n in self.counts.items())


@dataclass(frozen=True)
class _Header:
    id: str
    tick_seconds: float
    bounds: tuple[float, ...]
    sides: tuple[str, ...]
    slice_bounds: tuple[float, ...]
    share: Mapping[str, float]


def read_stream(lines: Iterable[str | bytes]) -> Recording:
    """A recording from the lines of a stream file. Raises `WrongStream` for what it can't be.

    Ticks that are missing, late, repeated, or whose counts are negative or no numbers are no
    error: they become unknown, and the recording's notes say so.
    """
    rows = ((number, line) for number, line in enumerate(lines, 1) if line.strip())
    first = next(rows, None)
    if first is None:
        raise WrongStream("line 1: the file is empty; the first line must be the header")
    header = _header(_object(*first), first[0])
    notes = _Notes()
    ticks = [(number, _object(number, line)) for number, line in rows]
    if not ticks:
        raise WrongStream("line 2: no tick follows the header")
    places = _places(ticks, notes)
    length = max(places.values()) + 1
    missing = length - len(places)
    if missing:
        notes.add("tick missing", missing)
    sides = {name: _side(name, ticks, places, length, header, notes) for name in header.sides}
    series = {name: _series(side, header.tick_seconds) for name, side in sides.items()}
    return Recording(
        id=header.id,
        tick_seconds=header.tick_seconds,
        bounds_ms=header.bounds,
        canary=series["canary"],
        baseline=series["baseline"],
        stable=series.get("stable"),
        slices=_slices(ticks, places, length, header, notes),
        share=header.share,
        notes=notes.words(),
    )


def _object(number: int, line: str | bytes) -> dict[str, Any]:
    try:
        found = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise WrongStream(f"line {number}: not JSON ({error})") from error
    if not isinstance(found, dict):
        raise WrongStream(f"line {number}: must be a JSON object, found {type(found).__name__}")
    return cast("dict[str, Any]", found)


def _header(found: dict[str, Any], number: int) -> _Header:
    def wrong(field: str, what: str) -> WrongStream:
        return WrongStream(f"line {number}, {field}: {what}")

    tick = found.get("tick_s", 1)
    if not _is_number(tick) or not 0 < tick < 86_400:
        raise wrong("tick_s", f"must be a number of seconds above 0, found {tick!r}")
    sides = found.get("sides", ["baseline", "canary"])
    if not isinstance(sides, list) or not {"baseline", "canary"} <= set(
        map(str, cast("list[Any]", sides))
    ):
        raise wrong("sides", f'must list "baseline" and "canary", found {sides!r}')
    unknown = [s for s in cast("list[Any]", sides) if s not in SIDES]
    if unknown:
        raise wrong("sides", f"unknown {unknown!r}; known are {', '.join(SIDES)}")
    share = found.get("share") or {}
    if not isinstance(share, dict) or not all(
        map(_is_number, cast("dict[Any, Any]", share).values())
    ):
        raise wrong("share", f"must be an object of fractions, found {share!r}")
    return _Header(
        id=str(found.get("id", "")),
        tick_seconds=float(tick),
        bounds=_bounds(found.get("le_ms"), "le_ms", number),
        sides=tuple(cast("list[str]", sides)),
        slice_bounds=_bounds(found["sl_le_ms"], "sl_le_ms", number)
        if found.get("sl_le_ms")
        else (),
        share=cast("dict[str, float]", share),
    )


def _bounds(found: Any, name: str, number: int) -> tuple[float, ...]:
    where = f"line {number}, {name}"
    if not isinstance(found, list) or not found:
        raise WrongStream(f"{where}: must be a list of bucket bounds in ms, found {found!r}")
    bounds = cast("list[Any]", found)
    if bounds[-1] in ("+Inf", "Inf", None) or (_is_number(bounds[-1]) and math.isinf(bounds[-1])):
        bounds = bounds[:-1]
    if not bounds or not all(_is_number(b) and b > 0 and math.isfinite(b) for b in bounds):
        raise WrongStream(f"{where}: bounds must be numbers above 0")
    if any(b <= a for a, b in zip(bounds, bounds[1:], strict=False)):
        raise WrongStream(f"{where}: bounds must grow")
    return tuple(map(float, bounds))


def _places(ticks: list[tuple[int, dict[str, Any]]], notes: _Notes) -> dict[int, int]:
    """Line number → 0-based tick. Repeated and late ticks have no place."""
    times: list[float] = []
    for number, tick in ticks:
        t = tick.get("t")
        if not _is_number(t) or not math.isfinite(cast(float, t)):
            raise WrongStream(f"line {number}, t: must be a number, found {t!r}")
        times.append(float(cast(float, t)))
    steps = [b - a for a, b in zip(times, times[1:], strict=False) if b > a]
    unit = float(np.median(steps)) if steps else 1.0
    places: dict[int, int] = {}
    last = -1
    for (number, _), t in zip(ticks, times, strict=True):
        place = round((t - times[0]) / unit)
        if place >= max(_MOST_TICKS, 0):
            raise WrongStream(f"line {number}, t: {t:g} is {place:,} ticks after the first")
        if place <= last:
            notes.add("tick repeated" if place == last else "tick late")
            continue
        places[number], last = place, place
    return places


def _side(
    name: str,
    ticks: list[tuple[int, dict[str, Any]]],
    places: Mapping[int, int],
    length: int,
    header: _Header,
    notes: _Notes,
) -> _Side:
    side = _Side(
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
        if not _fill(side, place, cast("dict[str, Any]", found), where):
            notes.add(f"reading of the {name} that went backwards or is no number")
    return side


def _fill(side: _Side, place: int, found: Mapping[str, Any], where: str) -> bool:
    """Put one reading into its row; False (and no row) where its counts make no sense."""
    values = [found.get(name) for name in _COLUMNS]
    for name, value in zip(_COLUMNS, values, strict=True):
        if value is not None and not _is_number(value):
            raise WrongStream(f"{where}.{name}: must be a number, found {value!r}")
    if values[0] is None:
        raise WrongStream(f"{where}.n: is missing; it is the number of completed requests")
    counts = found.get("h", [])
    width = side.latency.shape[1]
    if not isinstance(counts, list) or not _are_numbers(cast("list[Any]", counts)):
        raise WrongStream(f"{where}.h: must be a list of counts, found {counts!r}")
    counts = cast("list[float]", counts)
    if len(counts) > width:
        raise WrongStream(f"{where}.h: {len(counts)} buckets, le_ms allows {width}")
    numbers = [math.nan if v is None else float(v) for v in values]
    must = [numbers[0], *counts, *(v for v in numbers[1:5] if not math.isnan(v))]
    if not (all(map(math.isfinite, must)) and min(must) >= 0):
        return False
    side.values[place] = numbers
    side.latency[place] = 0.0
    side.latency[place, : len(counts)] = counts
    answered = [found.get(c) for c in ("c2", "c4", "c5")]
    side.classes[place] = sum(float(v) for v in answered if _is_number(v))
    return True


def _series(side: _Side, tick_seconds: float) -> Series:
    """Time-outs are failures, whether counted among the answers or beside them."""
    n, c4, c5, timeouts, started, in_flight, cpu, memory, restarts = side.values.T
    known = np.isfinite(n)

    def count(column: Floats) -> Floats:
        return np.where(known, np.nan_to_num(column, nan=0.0), np.nan)

    late = count(timeouts)
    beside = n - side.classes >= late
    failed = np.where(beside, count(c5) + late, np.maximum(count(c5), late))
    failed = np.minimum(failed, n)
    ticks = len(n)
    return Series(
        at=tick_seconds * (1.0 + np.arange(ticks)),
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


def _slices(
    ticks: list[tuple[int, dict[str, Any]]],
    places: Mapping[int, int],
    length: int,
    header: _Header,
    notes: _Notes,
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
            if len(counts) > rows.shape[2] or not _are_numbers(counts):
                raise WrongStream(f"{where}[{j}]: must be at most {rows.shape[2]} counts")
            if all(map(math.isfinite, counts)) and min(counts, default=0) >= 0:
                rows[place, j] = 0.0
                rows[place, j, : len(counts)] = counts
            else:
                notes.add("slice that went backwards or is no number")
    return Slices(bounds, rows[:, :, 0], np.minimum(rows[:, :, 1], rows[:, :, 0]), rows[:, :, 2:])


def _are_numbers(values: list[Any]) -> bool:
    return set(map(type, values)) <= {int, float}


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def write_stream(recording: Recording) -> Iterable[str]:
    """The lines of a stream file, without line ends; `read_stream` reads them back."""
    sides = {"baseline": recording.baseline, "canary": recording.canary}
    if recording.stable is not None:
        sides["stable"] = recording.stable
    header: dict[str, Any] = {
        "id": recording.id,
        "tick_s": recording.tick_seconds,
        "ticks": len(recording),
        "le_ms": list(recording.bounds_ms),
        "sides": list(sides),
    }
    if recording.share:
        header["share"] = dict(recording.share)
    if recording.slices is not None:
        header["sl_le_ms"] = list(recording.slices.bounds_ms)
    yield json.dumps(header)
    for t in range(len(recording)):
        tick: dict[str, Any] = {"t": t}
        for name, side in sides.items():
            if math.isfinite(side.failed[t]):
                tick[SIDES[name]] = _reading(side, t)
        if recording.slices is not None:
            tick["sl"] = _slice_readings(recording.slices, t)
        yield json.dumps(tick, separators=(",", ":"))


def _reading(side: Series, t: int) -> dict[str, Any]:
    n, failed, refused = side.completed[t], side.failed[t], side.client_errors[t]
    found: dict[str, Any] = {
        "n": round(n),
        "c2": round(max(n - failed - refused, 0)),
        "c4": round(refused),
        "c5": round(failed),
        "h": cut_zeros(side.latency[t].tolist()),
    }
    optional = {
        "s": side.started,
        "q": side.in_flight,
        "cpu": side.cpu_seconds,
        "rss": side.memory_bytes,
    }
    for name, column in optional.items():
        if math.isfinite(column[t]):
            found[name] = round(float(column[t]), 4)
    if side.restarts[t]:
        found["r"] = round(side.restarts[t])
    return found


def _slice_readings(slices: Slices, t: int) -> list[list[int]]:
    counts = np.concatenate(
        [slices.completed[t][:, None], slices.failed[t][:, None], slices.latency[t]], axis=1
    )
    return [cut_zeros(row) for row in np.nan_to_num(counts).tolist()]
