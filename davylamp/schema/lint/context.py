"""Context: what the statements before one have made known. Rules read it; `learn` writes it."""

from __future__ import annotations

from dataclasses import dataclass, field

from davylamp.schema.lint.types import ColumnType
from davylamp.schema.names import Name


@dataclass
class NotNullProof:
    """A constraint that says of some columns that they hold no NULL."""

    columns: frozenset[str]
    is_valid: bool


@dataclass
class TableFacts:
    """What is known of a table. A column that isn't listed is one whose type isn't known."""

    types: dict[str, ColumnType] = field(default_factory=dict[str, ColumnType])
    """Of columns that were seen from their beginning."""
    held: set[str] = field(default_factory=set[str])
    """Columns that a CHECK, an index's expression or predicate, or a collation holds on to:
    changing their type scans or rebuilds. '*': perhaps all of them."""
    proofs: dict[str, NotNullProof] = field(default_factory=dict[str, NotNullProof])
    """By the constraint's name."""
    not_null: set[str] = field(default_factory=set[str])
    nullable: set[str] = field(default_factory=set[str])
    """Columns known to take NULL."""


@dataclass
class Context:
    """What is known at some point of a history."""

    new: set[Name] = field(default_factory=set[Name])
    """Tables this revision made: they are empty, and no build knows them."""
    tables: dict[Name, TableFacts] = field(default_factory=dict[Name, TableFacts])
    partitioned: dict[Name, bool] = field(default_factory=dict[Name, bool])
    """Partitioned tables seen from their beginning; has it a default partition?"""
    plain_types: set[Name] = field(default_factory=set[Name])
    """Types of one's own that aren't domains."""
    domains: set[Name] = field(default_factory=set[Name])
    indexes: dict[Name, tuple[Name, tuple[str, ...]]] = field(
        default_factory=dict[Name, tuple[Name, tuple[str, ...]]]
    )
    """Index → its table and columns."""

    def begin_revision(self) -> None:
        """From here on, what was new may hold rows."""
        self.new.clear()

    def forget(self) -> None:
        """Something happened that can't be followed."""
        self.new.clear()
        self.tables.clear()
        self.partitioned.clear()
        self.plain_types.clear()
        self.domains.clear()
        self.indexes.clear()

    def facts(self, table: Name) -> TableFacts:
        return self.tables.setdefault(table, TableFacts())

    def type_of(self, table: Name, column: str) -> ColumnType | None:
        found = self.tables.get(table)
        return found.types.get(column) if found else None

    def is_held(self, table: Name, column: str) -> bool:
        found = self.tables.get(table)
        return found is None or bool(found.held & {column, "*"})

    def is_proven_not_null(self, table: Name, column: str) -> bool:
        found = self.tables.get(table)
        if found is None:
            return False
        proofs = found.proofs.values()
        return column in found.not_null or any(
            one.is_valid and column in one.columns for one in proofs
        )
