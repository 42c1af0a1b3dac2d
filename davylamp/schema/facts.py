"""SchemaFacts: what one database is like right now, as far as builds have to do with it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from davylamp.builds.domains import parse_column
from davylamp.schema.lineage import Lineage
from davylamp.schema.phases import Phase

if TYPE_CHECKING:  # its module brings PostgreSQL's parser along
    from davylamp.schema.shape_changes import Dropped


@dataclass(frozen=True, order=True)
class Column:
    """A column of a database, its names as PostgreSQL's catalog spells them."""

    schema: str
    table: str
    name: str

    def __str__(self) -> str:
        return (
            f"{self.table}.{self.name}"
            if self.schema == "public"
            else (f"{self.schema}.{self.table}.{self.name}")
        )


def column_of(name: str, schema: str = "public") -> Column:
    """A contract's `table.column`; `schema` is where tables without a schema of their own are."""
    parts = parse_column(name)
    return Column(*parts) if len(parts) == 3 else Column(schema, *parts)


@dataclass(frozen=True)
class Backfill:
    """A column that is being filled, or is to be, from another one. Only unfinished ones."""

    revision: str
    column: Column
    """The new one: a build that reads it finds rows without it."""
    rows_left: int | None = None
    """None: not counted, or not begun."""


@dataclass(frozen=True)
class SchemaFacts:
    """A database's present state."""

    database: str
    present: str
    """The revision it is at; empty: before its first."""
    lineage: Lineage = field(default_factory=Lineage)
    phases: Mapping[str, Phase] = field(default_factory=dict[str, Phase])
    """Of the revisions that are known."""
    columns: frozenset[Column] = frozenset()
    backfills: tuple[Backfill, ...] = ()
    """Unfinished ones, those that haven't begun among them."""
    dropping: tuple[Dropped, ...] = ()
    """In quarantine: their drop has been decided."""
    dropped: Mapping[str, tuple[Dropped, ...]] = field(default_factory=lambda: {})
    """Contract revision → what it took, of those that have run."""
    schema: str = "public"

    @property
    def applied(self) -> tuple[str, ...]:
        """In the order they ran."""
        if not self.present:
            return ()
        if not self.lineage.knows(self.present):
            return (self.present,)
        return self.lineage.between("", self.present)
