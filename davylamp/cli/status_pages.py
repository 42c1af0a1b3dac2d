"""Which pages of releases and of the fleet there are, for `davylamp status`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from davylamp.ledger.releases import Release
from davylamp.report.files import fleet_file, written_page
from davylamp.settings import Settings

_MOST = 3


def pages_in_words(settings: Settings, recent: Sequence[Release]) -> Iterator[str]:
    """A line each for the newest releases that have one, and for the fleet's."""
    with_page = [(one, page) for one in recent if (page := written_page(settings, one.id))]
    for one, page in with_page[:_MOST]:
        yield f"release {one.id} of {one.service}: {page.as_uri()}"
    if fleet_file(settings).is_file():
        yield f"the fleet: {fleet_file(settings).as_uri()}"
