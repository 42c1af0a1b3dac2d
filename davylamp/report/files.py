"""Where pages lie, and how many: `<home>/reports/release-ID.html` and `fleet.html`."""

from __future__ import annotations

import os
import re
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from davylamp.errors import BadInput
from davylamp.ledger.session import Ledger
from davylamp.settings import Settings

if TYPE_CHECKING:  # draws: half a second that `davylamp status` doesn't need
    from davylamp.report.plots.scene import Scene

_RELEASE = re.compile(r"release-(\d+)\.html")


def reports_folder(settings: Settings) -> Path:
    return settings.home.absolute() / "reports"


def release_file(settings: Settings, release_id: int) -> Path:
    return reports_folder(settings) / f"release-{release_id}.html"


def fleet_file(settings: Settings) -> Path:
    return reports_folder(settings) / "fleet.html"


def written_page(settings: Settings, release_id: int) -> Path | None:
    """A release's page, if there is one."""
    file = release_file(settings, release_id)
    return file if file.is_file() else None


def write_release_page(
    ledger: Ledger, settings: Settings, release_id: int, scene: Scene | None = None
) -> Path:
    """Tell a release and keep its page; only the newest are kept. Raises `Unreachable`, and
    `BadInput` where the file can't be written."""
    from davylamp.report.read_story import read_story
    from davylamp.report.release_page import release_page

    page = release_page(read_story(ledger, settings, release_id, scene))
    file = write_page(release_file(settings, release_id), page)
    drop_oldest_pages(reports_folder(settings), settings.report_pages)
    return file


def write_fleet_page(ledger: Ledger, settings: Settings, days: float = 30.0) -> Path:
    """The same for the fleet."""
    from davylamp.report.fleet_page import fleet_page
    from davylamp.report.read_fleet import read_fleet

    return write_page(fleet_file(settings), fleet_page(read_fleet(ledger, days)))


def write_page(file: Path, page: str) -> Path:
    """In one step: a reader sees the old page or the new one."""
    temporary = file.with_name(f".{file.name}.{os.getpid()}")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        temporary.write_text(page, encoding="utf-8")
        temporary.replace(file)
    except OSError as error:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise BadInput(f"{file}: the page can't be written ({error.strerror})") from error
    return file


def drop_oldest_pages(folder: Path, keep: int) -> None:
    """Keep the pages of the newest releases; another process may be at it too."""
    found = [(int(m[1]), file) for file in folder.iterdir() if (m := _RELEASE.fullmatch(file.name))]
    for _, file in sorted(found, reverse=True)[max(keep, 1) :]:
        file.unlink(missing_ok=True)
