"""A revision's operations as SQL, without a database and without env.py."""

from __future__ import annotations

import inspect
import io
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from alembic.migration import MigrationContext
from alembic.operations import Operations


@dataclass(frozen=True)
class Rendered:
    """The SQL, and for each of its lines the line of the file that wrote it (0: unknown)."""

    sql: str
    lines: tuple[int, ...]


def render(upgrade: Callable[[], None], file: Path) -> Rendered:
    """Run `upgrade` against a buffer in place of a database."""
    buffer = _Buffer(str(file))
    context = MigrationContext.configure(
        dialect_name="postgresql",
        # "named" as in Alembic's own template: the usual style doubles every % of the SQL.
        dialect_opts={"paramstyle": "named"},
        opts={
            "as_sql": True,
            "output_buffer": buffer,
            # An autocommit_block would otherwise write COMMIT and BEGIN. Whoever runs the
            # statements knows which of them can't have a transaction.
            "transactional_ddl": False,
        },
    )
    with Operations.context(context):
        upgrade()
    return Rendered(buffer.getvalue(), tuple(buffer.lines))


class _Buffer(io.StringIO):
    """Notes from which line of `file` each line comes."""

    def __init__(self, file: str) -> None:
        super().__init__()
        self._file = file
        self.lines: list[int] = []

    def write(self, text: str, /) -> int:
        self.lines += [self._line()] * text.count("\n")
        return super().write(text)

    def _line(self) -> int:
        frame = inspect.currentframe()
        while frame is not None:
            if frame.f_code.co_filename == self._file:
                return frame.f_lineno
            frame = frame.f_back
        return 0
