"""YAML values that know where they stand, so that an error can say so."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from davylamp.catalog.problem import Place

Scalar: TypeAlias = "str | int | float | bool | None"


@dataclass(frozen=True)
class Located:
    """A scalar, or a list or mapping of located values; `at` is where its key stands."""

    value: Scalar | list[Located] | dict[str, Located]
    at: Place

    @property
    def entries(self) -> dict[str, Located]:
        """Its fields; none when it isn't a mapping."""
        return self.value if isinstance(self.value, dict) else {}


def merged(under: Located, over: Located) -> Located:
    """`over` on top of `under`: mappings field by field, anything else as a whole."""
    if not isinstance(under.value, dict) or not isinstance(over.value, dict):
        return over
    fields = dict(under.value)
    for name, value in over.value.items():
        fields[name] = merged(fields[name], value) if name in fields else value
    return Located(fields, over.at)


def plain(located: Located) -> Any:
    """The values alone."""
    if isinstance(located.value, dict):
        return {name: plain(value) for name, value in located.value.items()}
    if isinstance(located.value, list):
        return [plain(value) for value in located.value]
    return located.value


def place_of(root: Located, path: Sequence[int | str]) -> Place:
    """Where the value at `path` stands, or the nearest above it that exists."""
    found = root
    for part in path:
        below = _below(found, part)
        if below is None:
            break
        found = below
    return found.at


def _below(located: Located, part: int | str) -> Located | None:
    if isinstance(located.value, dict) and isinstance(part, str):
        return located.value.get(part)
    if isinstance(located.value, list) and isinstance(part, int):
        return located.value[part] if part < len(located.value) else None
    return None
