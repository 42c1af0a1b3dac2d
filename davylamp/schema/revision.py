"""Revision: one file of a history, as it is read, checked and carried out."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from davylamp.schema.phases import Phase


@dataclass(frozen=True)
class DualWrite:
    """Two columns of one table that hold the same fact while builds move from `old` to `new`.

    Names are as they stand in the catalog of PostgreSQL (no quotes). `forward` and `backward`
    are SQL expressions in which `{old}` and `{new}` stand for the column's value:
    a rename is `{old}` and `{new}`, cents from euros `({old} * 100)::bigint`.
    """

    table: str
    old: str
    new: str
    key: str = "id"
    """Column with a unique index by which the backfill walks; of an ordered type."""
    schema: str = "public"
    forward: str = "{old}"
    """The new column's value from the old one's."""
    backward: str = "{new}"
    """The old column's value from the new one's."""


@dataclass(frozen=True)
class Revision:
    """One revision. Its SQL is what Alembic renders without a database, and what is run."""

    id: str
    down: str | None
    """The revision before it; None for the first."""
    phase: Phase
    """As the file declares it (`phase = "expand"`); `Phase.NONE` when it declares none."""
    file: Path
    sql: str
    sha256: str
    """Of the file's bytes: a revision edited after it ran is found by it."""
    depends_on: tuple[str, ...] = ()
    dual_write: DualWrite | None = None
    """Only of a migrate revision: `dual_write = {"table": …, "old": …, "new": …}`."""
    lines: tuple[int, ...] = ()
    """For each line of `sql` the file's line that wrote it; 0 where that isn't known."""
