"""What is wrong with a catalog, and where."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Place:
    """A spot in a file; line and column count from 1."""

    file: Path
    line: int = 1
    column: int = 1


@dataclass(frozen=True)
class Problem:
    """One thing that keeps a catalog from being used. `field` is like `release.steps[1].share`."""

    file: Path
    line: int
    column: int
    field: str
    message: str

    def __str__(self) -> str:
        field = f"{self.field}: " if self.field else ""
        return f"{self.file}:{self.line}: {field}{self.message}"


def problem(at: Place, field: str, message: str) -> Problem:
    return Problem(at.file, at.line, at.column, field, message)


def field_name(path: tuple[int | str, ...]) -> str:
    """`('steps', 1, 'share')` as `steps[1].share`."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text
