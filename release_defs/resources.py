"""The engine as a Dagster resource: opened when asked for, so that definitions load with
nothing running."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import dagster as dg
from pydantic import Field

if TYPE_CHECKING:
    from davylamp.catalog.model import Catalog
    from davylamp.ledger.session import Ledger
    from davylamp.rollout.parts import Parts
    from davylamp.settings import Settings


class Engine(dg.ConfigurableResource):
    """Davylamp's parts, as its settings name them.

    Nothing is kept between two openings: addresses are read anew, and a ledger that came back
    elsewhere is found.
    """

    overrides: dict[str, str] = Field(
        default_factory=dict,
        description="Settings that win over DAVYLAMP_* variables and davylamp.toml.",
    )

    def settings(self) -> Settings:
        from davylamp.settings import load_settings

        return load_settings(**self.overrides)

    def catalog(self) -> Catalog:
        from davylamp.catalog.load import load_catalog

        return load_catalog(self.settings().catalog)

    @contextmanager
    def ledger(self) -> Iterator[Ledger]:
        from davylamp.ledger.session import Ledger

        opened = Ledger.connect(self.settings().require("ledger_url"))
        try:
            yield opened
        finally:
            opened.close()

    @contextmanager
    def parts(self) -> Iterator[Parts]:
        from davylamp.rollout.parts import open_parts

        opened = open_parts(self.settings())
        try:
            yield opened
        finally:
            opened.close()
