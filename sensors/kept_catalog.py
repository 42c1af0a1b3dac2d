"""The catalog, read again only when a file of it has changed: 500 files take over a second, and a
sensor looks every few seconds."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

from davylamp.rollout.engine import Engine

if TYPE_CHECKING:
    from davylamp.catalog.model import Catalog

_Print = tuple[tuple[str, int, int, int], ...]
"""Name, last change of content and of anything else, size, of each file."""

_kept: WeakKeyDictionary[Engine, tuple[_Print, Catalog]] = WeakKeyDictionary()


def catalog_of(engine: Engine) -> Catalog:
    """Raises `BadInput` as reading it does; a broken catalog is never kept."""
    now = _fingerprint(engine.settings().catalog)
    known = _kept.get(engine)
    if known is not None and known[0] == now:
        return known[1]
    catalog = engine.catalog()
    _kept[engine] = (now, catalog)
    return catalog


def _fingerprint(folder: Path) -> _Print:
    found: list[tuple[str, int, int, int]] = []
    for file in sorted(folder.glob("*.y*ml")):
        try:
            stat = file.stat()
        except FileNotFoundError:
            continue
        found.append((file.name, stat.st_mtime_ns, stat.st_ctime_ns, stat.st_size))
    return tuple(found)
