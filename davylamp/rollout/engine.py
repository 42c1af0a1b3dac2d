"""Engine: what Dagster's jobs, sensors and assets are handed, opened only when asked for.

It lets definitions load with nothing running, and keeps nothing between two openings: addresses
are read anew, and a ledger that came back elsewhere is found.
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # imported when asked for: Dagster loads its definitions often
    from davylamp.catalog.model import Catalog
    from davylamp.ledger.session import Ledger
    from davylamp.rollout.parts import Parts
    from davylamp.settings import Settings


class Engine:
    """Davylamp's parts, as its settings name them."""

    def settings(self) -> Settings:
        from davylamp.settings import load_settings

        return load_settings()

    def catalog(self) -> Catalog:
        from davylamp.catalog.load import load_catalog

        return load_catalog(self.settings().catalog)

    @contextmanager
    def ledger(self) -> Generator[Ledger]:
        """Only the ledger. Raises `Unreachable` when no address is known."""
        from davylamp.ledger.session import Ledger

        opened = Ledger.connect(self.settings().require("ledger_url"))
        try:
            yield opened
        finally:
            opened.close()

    @contextmanager
    def parts(self) -> Generator[Parts]:
        """Everything a release needs. Raises `Unreachable` or `BadInput`."""
        from davylamp.rollout.parts import open_parts

        opened = open_parts(self.settings())
        try:
            yield opened
        finally:
            opened.close()
