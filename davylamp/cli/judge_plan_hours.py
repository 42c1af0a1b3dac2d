"""Reading a week's traffic from a file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, cast

from davylamp.errors import BadInput

_HOURS = 168
_ADVICE = "give a JSON list of 168 requests/s, Monday 00:00 first"


def read_hours(file: Path) -> list[float | None]:
    """168 requests/s, None where not measured; at least one of them above zero."""
    where = f"--rps-by-hour {file}"
    values = _list(file, where)
    if len(values) != _HOURS:
        raise BadInput(f"{where}: a list of {len(values)}; {_ADVICE}")
    for i, value in enumerate(values):
        if value is not None and not _is_rate(value):
            raise BadInput(
                f"{where}: [{i}] is {json.dumps(value):.40}; "
                "a number of requests/s from 0 to 1e9 is needed, or null"
            )
    if not any(values):
        raise BadInput(f"{where}: no hour has any traffic; {_ADVICE}")
    return [None if v is None else float(v) for v in values]


def _list(file: Path, where: str) -> list[Any]:
    try:
        content: Any = json.loads(file.read_bytes())
    except OSError as error:
        raise BadInput(f"{where}: cannot be read ({error.strerror}); {_ADVICE}") from error
    except (ValueError, RecursionError) as error:
        raise BadInput(f"{where}: not JSON ({error}); {_ADVICE}") from error
    if not isinstance(content, list):
        raise BadInput(f"{where}: not a list; {_ADVICE}")
    return cast("list[Any]", content)


def _is_rate(value: Any) -> bool:
    """NaN is none, either."""
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return is_number and 0 <= value <= 1e9
