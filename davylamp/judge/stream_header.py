"""The header of a stream file, and the line it stands in."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, cast

SIDES = {"baseline": "b", "canary": "c", "stable": "st"}
"""Name of a side in the header, and its key in a tick."""


_BEYOND_FLOATS = re.compile("[0-9]{301}")


class WrongStream(ValueError):
    """A stream file that can't be read: says the line and the field."""


@dataclass(frozen=True)
class Header:
    id: str
    tick_seconds: float
    bounds: tuple[float, ...]
    sides: tuple[str, ...]
    slice_bounds: tuple[float, ...]
    share: Mapping[str, float]
    ticks: int
    """How many there should be; 0 where nobody says."""


def read_object(number: int, line: str | bytes) -> dict[str, Any]:
    try:
        text = line.decode("utf-8-sig") if isinstance(line, bytes) else line
        found = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise WrongStream(f"line {number}: not JSON ({error})") from error
    if _BEYOND_FLOATS.search(text):
        raise WrongStream(f"line {number}: has a number of more than 300 digits")
    if not isinstance(found, dict):
        raise WrongStream(f"line {number}: must be a JSON object, found {type(found).__name__}")
    return cast("dict[str, Any]", found)


def read_header(found: dict[str, Any], number: int) -> Header:
    def wrong(field: str, what: str) -> WrongStream:
        return WrongStream(f"line {number}, {field}: {what}")

    tick = found.get("tick_s", 1)
    if not is_number(tick) or not 0 < tick < 86_400:
        raise wrong("tick_s", f"must be a number of seconds above 0, found {tick!r}")
    sides = found.get("sides", ["baseline", "canary"])
    if not isinstance(sides, list) or not {"baseline", "canary"} <= set(
        map(str, cast("list[Any]", sides))
    ):
        raise wrong("sides", f'must list "baseline" and "canary", found {sides!r}')
    unknown = [s for s in cast("list[Any]", sides) if not isinstance(s, str) or s not in SIDES]
    if unknown:
        raise wrong("sides", f"unknown {unknown!r}; known are {', '.join(SIDES)}")
    wanted: Any = found.get("ticks")
    share = cast("Any", found.get("share") or {})
    if not isinstance(share, dict):
        raise wrong("share", f"must be an object of fractions, found {share!r}")
    fractions = cast("dict[str, Any]", share)
    if not are_numbers(list(fractions.values())):
        raise wrong("share", f"must be an object of fractions, found {fractions!r}")
    return Header(
        id=str(found.get("id", "")),
        tick_seconds=float(tick),
        bounds=_bounds(found.get("le_ms"), "le_ms", number),
        sides=tuple(cast("list[str]", sides)),
        slice_bounds=_bounds(found["sl_le_ms"], "sl_le_ms", number)
        if found.get("sl_le_ms")
        else (),
        share=fractions,
        ticks=int(wanted) if is_number(wanted) and 0 < wanted < 1e9 else 0,
    )


def _bounds(found: Any, name: str, number: int) -> tuple[float, ...]:
    where = f"line {number}, {name}"
    if not isinstance(found, list) or not found:
        raise WrongStream(f"{where}: must be a list of bucket bounds in ms, found {found!r}")
    bounds = cast("list[Any]", found)
    if bounds[-1] in ("+Inf", "Inf", None) or (is_number(bounds[-1]) and math.isinf(bounds[-1])):
        bounds = bounds[:-1]
    if not bounds or not all(is_number(b) and b > 0 and math.isfinite(b) for b in bounds):
        raise WrongStream(f"{where}: bounds must be numbers above 0")
    if any(b <= a for a, b in pairwise(bounds)):
        raise WrongStream(f"{where}: bounds must grow")
    return tuple(map(float, bounds))


def are_numbers(values: list[Any]) -> bool:
    return set(map(type, values)) <= {int, float}


def is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
