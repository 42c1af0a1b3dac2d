"""Part and Rule: what is judged, and what judges it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from pglast.ast import Node, RangeVar
from pglast.enums import AlterTableType

from davylamp.schema.lint.context import Context
from davylamp.schema.lint.verdict import Verdict
from davylamp.schema.names import Name, name_of, written

Kind = type[Node] | AlterTableType


@dataclass(frozen=True)
class Part:
    """A statement, or one subcommand of an ALTER TABLE. `node` is of the kind a rule asked for
    (an AlterTableCmd for a subcommand)."""

    node: Any
    sql: str
    """The whole statement."""
    relation: RangeVar | None = None
    """The table of an ALTER TABLE."""

    @property
    def table(self) -> Name:
        """Of an ALTER TABLE."""
        assert self.relation is not None
        return name_of(self.relation)

    @property
    def written_table(self) -> str:
        assert self.relation is not None
        return written(self.relation)


Judge = Callable[[Part, Context], Iterable[Verdict]]


@dataclass(frozen=True)
class Rule:
    """Judges all parts of some kinds. No verdict means: not mine."""

    judge: Judge
    kinds: tuple[Kind, ...]
