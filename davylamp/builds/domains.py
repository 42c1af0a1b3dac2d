"""Value domains: what may stand in a column, as one build writes it and as it can read it."""

from __future__ import annotations

import re
from enum import StrEnum
from typing import Annotated, TypeAlias

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, FiniteFloat, model_validator

_PART = r'(?:[^".\s][^".]*|"(?:[^"]|"")+")'
_COLUMN = re.compile(rf"^{_PART}\.{_PART}(?:\.{_PART})?$")
_PARTS = re.compile(_PART)


class JsonType(StrEnum):
    """What `jsonb_typeof` says, and whole numbers besides."""

    STRING = "string"
    NUMBER = "number"
    INTEGER = "integer"
    BOOLEAN = "boolean"
    OBJECT = "object"
    ARRAY = "array"
    NULL = "null"


class Shape(BaseModel):
    """What may stand in a column. What isn't said is not restricted.

    Of a reader it is what it can read; of a writer, all that it may write.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    values: tuple[str, ...] | None = None
    """Enum values, as text."""
    nullable: bool | None = None
    """Whether NULL may stand there (a writer), or can be read (a reader)."""
    minimum: int | FiniteFloat | None = None
    maximum: int | FiniteFloat | None = None
    """Both included. A writer that names one of them is unbounded on the other side."""
    json_keys: tuple[str, ...] | None = None
    """The only keys of the object. A reader that ignores unknown keys leaves it out."""
    required_keys: tuple[str, ...] = ()
    """Keys a writer always writes; keys a reader can't do without."""
    types: dict[str, tuple[JsonType, ...]] = Field(default_factory=dict[str, tuple[JsonType, ...]])
    """Of keys' values, where they are there."""

    @model_validator(mode="after")
    def _has_room(self) -> Shape:
        if self.minimum is not None and self.maximum is not None and self.minimum > self.maximum:
            raise ValueError(f"minimum {self.minimum} is above maximum {self.maximum}")
        if self.json_keys is not None:
            missing = {*self.required_keys, *self.types} - {*self.json_keys}
            if missing:
                raise ValueError(f"json_keys lacks {', '.join(sorted(missing))}, named elsewhere")
        return self

    @property
    def is_json(self) -> bool:
        return self.json_keys is not None or bool(self.required_keys or self.types)

    @property
    def is_range(self) -> bool:
        return self.minimum is not None or self.maximum is not None


class Domain(BaseModel):
    """One column's domain in one build's contract."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    database: str = ""
    """Which of the contract's databases; may be left out when the column is in one only."""
    writes: Shape | None = None
    reads: Shape | None = None


def parse_column(name: str) -> tuple[str, ...]:
    """`table.column` or `schema.table.column` into its parts, as PostgreSQL's catalog spells them.

    A part with a dot in it stands in double quotes. Raises `ValueError`.
    """
    if not _COLUMN.match(name):
        raise ValueError(f"write table.column or schema.table.column, found {name!r}")
    parts = (match.group() for match in _PARTS.finditer(name))
    return tuple(p[1:-1].replace('""', '"') if p.startswith('"') else p for p in parts)


def _checked(name: str) -> str:
    parse_column(name)
    return name


ColumnName: TypeAlias = Annotated[str, AfterValidator(_checked)]
