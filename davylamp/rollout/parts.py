"""Parts: what a release needs of the world, put together once from the settings."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from davylamp.builds.open import open_registry
from davylamp.builds.protocol import Registry
from davylamp.catalog.load import load_catalog
from davylamp.catalog.model import Catalog, Service
from davylamp.fleet.local import LocalPlatform
from davylamp.fleet.protocol import Platform
from davylamp.ledger.session import Ledger
from davylamp.settings import Settings


@dataclass(frozen=True)
class Parts:
    """Ledger, platform, catalog and registries. Nothing is asked of them before it is needed."""

    settings: Settings
    ledger: Ledger
    platform: Platform
    known_catalog: Catalog | None = None

    @cached_property
    def catalog(self) -> Catalog:
        """Read when first asked for: a release under way goes by its own copy of its entry."""
        return self.known_catalog or load_catalog(self.settings.catalog)

    def registry(self, service: Service) -> Registry:
        return open_registry(service.image.registry or self.settings.require("registry_url"))

    def close(self) -> None:
        self.ledger.close()


def open_parts(settings: Settings) -> Parts:
    """Raises `Unreachable` when an address isn't known."""
    return Parts(
        settings=settings,
        ledger=Ledger.connect(settings.require("ledger_url")),
        platform=LocalPlatform(Path(settings.require("platform_socket"))),
    )
