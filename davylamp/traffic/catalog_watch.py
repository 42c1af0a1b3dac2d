"""The catalog as it is now: read again when a file changes, the last good one kept."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import structlog

from davylamp.catalog.model import Catalog
from davylamp.errors import DavylampError

_log: Any = structlog.get_logger("davylamp.traffic.catalog")
_LOOK_SECONDS = 1.0
_Print = tuple[tuple[str, int, int], ...]


class CatalogWatch:
    """Holds the last good catalog."""

    def __init__(self, folder: Path, load: Callable[[Path], Catalog]) -> None:
        self._folder = folder
        self._load = load
        self._print: _Print | None = None
        self.catalog = Catalog(services={})
        self.edition = 0
        """Grows with every catalog that was read."""

    async def follow(self, on_change: Callable[[], None]) -> None:
        """Look every second, beside the event loop: many files take a while to read."""
        while True:
            before = self.edition
            await asyncio.to_thread(self.look)
            if self.edition != before:
                on_change()
            await asyncio.sleep(_LOOK_SECONDS)

    def look(self) -> None:
        """Take over a changed catalog; a broken one is logged and not taken."""
        now = _fingerprint(self._folder)
        if now == self._print:
            return
        self._print = now
        try:
            self.catalog = self._load(self._folder)
        except DavylampError as error:
            _log.error("the catalog is broken; the last good one stays", why=str(error))
            return
        self.edition += 1
        _log.info("catalog read", services=len(self.catalog.services))


def _fingerprint(folder: Path) -> _Print:
    found: list[tuple[str, int, int]] = []
    for file in sorted(folder.glob("*.y*ml")):
        try:
            stat = file.stat()
        except FileNotFoundError:
            continue
        found.append((file.name, stat.st_mtime_ns, stat.st_size))
    return tuple(found)
