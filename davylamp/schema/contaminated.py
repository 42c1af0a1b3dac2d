"""What a look for contamination found, and what it may cost."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any


@dataclass(frozen=True)
class Since:
    """From when on rows count: when users first met the newer build."""

    at: datetime | None = None
    """Used where a contract names a column that holds when a row was written (`changed_at`)."""
    transaction: int | None = None
    """`mark_of` the database at that moment: used where no contract does."""


@dataclass(frozen=True)
class Limits:
    """What a probe may cost the application's database."""

    statement_seconds: float = 2.0
    """A table."""
    total_seconds: float = 10.0
    rows: int = 500_000
    """Rows looked at in a table."""
    samples: int = 5


@dataclass(frozen=True)
class Unread:
    """Rows of one column that the older build can't read."""

    column: str
    why: str
    rows: int
    at_least: bool
    """Not all rows were looked at."""
    samples: tuple[str, ...]

    def __str__(self) -> str:
        least = "at least " if self.at_least else ""
        shown = f", e.g. {'; '.join(self.samples)}" if self.samples else ""
        return f"{least}{self.rows} rows of {self.column} {self.why}{shown}"


@dataclass(frozen=True)
class Contamination:
    """What a probe found. What could not be looked at is never counted as clean."""

    database: str
    found: tuple[Unread, ...] = ()
    unknown: tuple[str, ...] = ()
    """What could not be looked at, and why."""
    looked_at: dict[str, str] = field(default_factory=dict[str, str])
    """Table → how many rows, and which of them counted."""

    @property
    def is_clean(self) -> bool:
        """Everything was looked at, and nothing was found."""
        return not self.found and not self.unknown

    @property
    def rows(self) -> int:
        return sum(one.rows for one in self.found)

    def __str__(self) -> str:
        if self.is_clean:
            return f"every row of {self.database} that counts can be read"
        return "; ".join([*map(str, self.found), *self.unknown])

    def document(self) -> dict[str, Any]:
        return asdict(self) | {"rows": self.rows}
