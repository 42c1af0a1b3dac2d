"""A PostgreSQL for a moment, empty, of nobody's data."""

from __future__ import annotations

import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from davylamp.plane.postgres import start_postgres


@contextmanager
def scratch_postgres() -> Generator[str]:
    """URL of a PostgreSQL that is gone afterwards. It takes about two seconds to start."""
    with tempfile.TemporaryDirectory(prefix="davylamp-scratch-", ignore_cleanup_errors=True) as at:
        # PostgreSQL runs as another user where we are root; it has to reach its folder.
        Path(at).chmod(0o755)
        server = start_postgres(Path(at) / "data", fast=True)
        try:
            yield server.url
        finally:
            server.stop()
