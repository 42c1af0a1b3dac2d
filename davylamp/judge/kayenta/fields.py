"""Reading fields of a document: what is wrong is said with where it is."""

from __future__ import annotations

import difflib
import math
from collections.abc import Collection, Mapping
from enum import StrEnum
from typing import Any, TypeVar, cast

Choice = TypeVar("Choice", bound=StrEnum)


class WrongDocument(ValueError):
    """A document that cannot be judged; the message names the place and the field."""


def mapping(value: Any, where: str) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise WrongDocument(f"{where}: an object is needed, found {_kind(value)}")
    return cast("dict[str, Any]", value)


def sequence(value: Any, where: str) -> list[Any]:
    if not isinstance(value, list):
        raise WrongDocument(f"{where}: an array is needed, found {_kind(value)}")
    return cast("list[Any]", value)


def refuse_unknown(found: Mapping[str, Any], known: Collection[str], where: str) -> None:
    """A misspelt field must not be taken for one that was left out."""
    for name in found:
        if name not in known:
            near = difflib.get_close_matches(name, known, 1)
            hint = f"did you mean {near[0]!r}?" if near else f"known are {', '.join(known)}"
            raise WrongDocument(f"{where}: unknown field {name!r}; {hint}")


def number(value: Any, where: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise WrongDocument(f"{where}: a number is needed, found {_kind(value)}")
    try:
        found = float(value)
    except OverflowError:
        found = math.inf
    if not math.isfinite(found):
        raise WrongDocument(f"{where}: a finite number is needed, found {str(value)[:20]}")
    return found


def number_within(value: Any, low: float, high: float, where: str) -> float:
    found = number(value, where)
    if not low <= found <= high:
        raise WrongDocument(f"{where}: must lie between {low:g} and {high:g}, found {found:g}")
    return found


def points(value: Any, where: str) -> list[float]:
    """Numbers; null and NaN are missing points."""
    return [
        math.nan if _is_missing(v) else number(v, f"{where}[{i}]")
        for i, v in enumerate(sequence(value, where))
    ]


def text(value: Any, where: str) -> str:
    if not isinstance(value, str):
        raise WrongDocument(f"{where}: text is needed, found {_kind(value)}")
    return value


def truth(value: Any, where: str) -> bool:
    if not isinstance(value, bool):
        raise WrongDocument(f"{where}: true or false is needed, found {_kind(value)}")
    return value


def choice(value: Any, kind: type[Choice], where: str) -> Choice:
    try:
        return kind(value)
    except ValueError:
        options = ", ".join(kind)
        raise WrongDocument(f"{where}: must be one of {options}, found {value!r:.40}") from None


def _is_missing(value: Any) -> bool:
    return value is None or (isinstance(value, float) and math.isnan(value))


def _kind(value: Any) -> str:
    names: dict[type, str] = {
        dict: "an object",
        list: "an array",
        str: "text",
        bool: "a truth value",
    }
    return (
        "null"
        if value is None
        else next((n for t, n in names.items() if isinstance(value, t)), "a number")
    )
