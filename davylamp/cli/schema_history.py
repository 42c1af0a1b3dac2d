"""An Alembic folder's revisions. They are programs, and may print: never on our output."""

from __future__ import annotations

import contextlib
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from davylamp.schema.revision import Revision


def history_of(folder: Path) -> tuple[Revision, ...]:
    from davylamp.schema.revisions import load_revisions

    with contextlib.redirect_stdout(sys.stderr):
        return load_revisions(folder)
