"""The tags of every service's repository, in one grouped read a registry."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from davylamp.builds.http_exchange import Deadlines
from davylamp.builds.tag_page import TagPage
from davylamp.builds.tag_reader import read_tags
from davylamp.catalog.model import Service
from davylamp.errors import DavylampError, Unreachable

READ_SECONDS = 20.0
_DEADLINES = Deadlines(connect=2.0, read=5.0, call=10.0, attempts=2)

_kept: dict[str, dict[str, TagPage]] = {}
"""Pages by registry and repository: with their ETags, what has not changed is not sent again.
Only a saving of traffic; a new process reads everything once."""


@dataclass(frozen=True)
class Reading:
    """One service's tags; whether they differ from what this process read before."""

    page: TagPage | DavylampError
    has_changed: bool = False


def read_all(addresses: Mapping[str, str], services: Iterable[Service]) -> dict[str, Reading]:
    """Readings by service. `addresses`: service → registry. A registry or repository that can't
    be read has its error instead, and stops nobody else."""
    wanted: dict[str, list[Service]] = {}
    for service in services:
        wanted.setdefault(addresses[service.name], []).append(service)
    found: dict[str, Reading] = {}
    for url, members in wanted.items():
        found |= _read_registry(url, members)
    return found


def _read_registry(url: str, members: list[Service]) -> dict[str, Reading]:
    known = _kept.get(url, {})
    repositories = [service.image.repository for service in members]
    try:
        pages = asyncio.run(
            asyncio.wait_for(
                read_tags(url, repositories, known, deadlines=_DEADLINES), READ_SECONDS
            )
        )
    except TimeoutError:
        slow = Unreachable(f"registry {url} did not answer within {READ_SECONDS:.0f} s")
        return {service.name: Reading(slow) for service in members}
    except DavylampError as error:
        return {service.name: Reading(error) for service in members}
    fresh = {name: page for name, page in pages.items() if isinstance(page, TagPage)}
    _kept[url] = known | fresh
    return {
        service.name: _reading(pages[service.image.repository], known.get(service.image.repository))
        for service in members
    }


def _reading(page: TagPage | DavylampError, known: TagPage | None) -> Reading:
    return Reading(page, isinstance(page, TagPage) and known is not None and page != known)
