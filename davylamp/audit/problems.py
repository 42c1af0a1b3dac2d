"""What is wrong with a file that was handed in, and where in it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any

from pydantic import ValidationError

_MOST = 10
"""Problems that are told of one file."""


def problems_of(error: ValidationError) -> list[str]:
    """`instances[3].digest: Input should be a valid string (found 5)`."""
    return [_problem(one["loc"], one["msg"], one["input"]) for one in error.errors()]


def told(source: str, wrong: Sequence[str], advice: str) -> str:
    more = f"; and {len(wrong) - _MOST} more" if len(wrong) > _MOST else ""
    return f"{source}: {'; '.join(wrong[:_MOST])}{more}. {advice}"


def short(value: Any) -> str:
    text = json.dumps(value, default=str)
    return text if len(text) <= 40 else f"{text[:39]}…"


def _problem(path: Iterable[int | str], message: str, value: Any) -> str:
    field = "".join(f"[{p}]" if isinstance(p, int) else f".{p}" for p in path).lstrip(".")
    if message == "Field required":
        return f"{field} is missing"
    found = "" if isinstance(value, dict | list) else f" (found {short(value)})"
    return f"{field}: {message.removeprefix('Value error, ')}{found}"
