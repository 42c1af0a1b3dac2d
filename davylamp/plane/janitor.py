"""Keeping the home from growing: logs are cut, images nobody runs are removed."""

from __future__ import annotations

import asyncio
import logging
import shutil
from pathlib import Path
from typing import Protocol

from davylamp.builds.digest import hex_of
from davylamp.ledger.instance import Instance
from davylamp.plane.home import Home
from davylamp.plane.logs import cap_logs, drop_oldest

_EVERY_SECONDS = 30.0
KEPT_IMAGES = 20
"""Unused ones: a roll-back may want them at once."""
_log = logging.getLogger("davylamp.plane")


class Tenants(Protocol):
    """Who uses what is here."""

    def digests(self) -> set[str]: ...

    def instances(self) -> list[Instance]: ...


async def clean_forever(home: Home, tenants: Tenants) -> None:
    while True:
        await asyncio.sleep(_EVERY_SECONDS)
        # renamed here, where no order can come in between; deleted aside
        ids = {instance.id for instance in tenants.instances()}
        try:
            set_unused_aside(home.images, {hex_of(d) for d in tenants.digests()})
            await asyncio.to_thread(_clean, home, ids)
        except OSError as error:
            _log.warning("could not clean up: %s", error)


def set_unused_aside(images: Path, used: set[str], keep: int = KEPT_IMAGES) -> None:
    """Rename all but the newest `keep` images that nobody uses to `….unused`."""
    unused = [
        folder for folder in images.glob("*") if "." not in folder.name and folder.name not in used
    ]
    unused.sort(key=lambda folder: folder.stat().st_mtime, reverse=True)
    for folder in unused[keep:]:
        folder.rename(folder.with_name(f"{folder.name}.unused"))


def _clean(home: Home, ids: set[str]) -> None:
    cap_logs(home.logs)
    drop_oldest(home.logs / "instances", ids)
    for folder in home.images.glob("*.unused"):
        shutil.rmtree(folder, ignore_errors=True)
