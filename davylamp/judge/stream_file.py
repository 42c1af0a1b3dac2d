"""Stream files: JSON lines, a header and then one tick a line."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable
from typing import Any

import numpy as np

from davylamp.judge.recording import Recording, Slices, cut_zeros
from davylamp.judge.sample import Series
from davylamp.judge.stream_header import SIDES, WrongStream, read_header, read_object
from davylamp.judge.stream_ticks import (
    Notes,
    read_places,
    read_side,
    read_slices,
    series_of_side,
)

__all__ = ["WrongStream", "read_stream", "write_stream"]


def read_stream(lines: Iterable[str | bytes]) -> Recording:
    """A recording from the lines of a stream file. Raises `WrongStream` for what it can't be.

    Ticks that are missing, late, repeated, or whose counts are negative or no numbers are no
    error: they become unknown, and the recording's notes say so.
    """
    rows = ((number, line) for number, line in enumerate(lines, 1) if line.strip())
    first = next(rows, None)
    if first is None:
        raise WrongStream("line 1: the file is empty; the first line must be the header")
    header = read_header(read_object(*first), first[0])
    notes = Notes()
    ticks = [(number, read_object(number, line)) for number, line in rows]
    if not ticks:
        raise WrongStream("line 2: no tick follows the header")
    places = read_places(ticks, notes)
    length = max(places.values()) + 1
    missing = max(length, header.ticks) - len(places)
    if missing:
        notes.add("tick missing", missing)
    sides = {name: read_side(name, ticks, places, length, header, notes) for name in header.sides}
    series = {name: series_of_side(side, header.tick_seconds) for name, side in sides.items()}
    return Recording(
        id=header.id,
        tick_seconds=header.tick_seconds,
        bounds_ms=header.bounds,
        canary=series["canary"],
        baseline=series["baseline"],
        stable=series.get("stable"),
        slices=read_slices(ticks, places, length, header, notes),
        share=header.share,
        notes=notes.words(),
    )


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
