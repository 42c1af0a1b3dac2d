"""One look at all registries: which services have a version nobody has seen yet."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, closing
from dataclasses import dataclass, field

from davylamp.builds.open import open_registry
from davylamp.builds.tag_page import TagPage
from davylamp.builds.versions import newest, version_key
from davylamp.catalog.model import Catalog, Service
from davylamp.errors import DavylampError
from davylamp.settings import Settings
from sensors.seen import Seen
from sensors.tag_pages import Reading, read_all

MOST_RESOLVED = 100
"""Tags resolved in one look, each a request of its own; the rest waits for the next look."""
_RECHECKED = 5
"""Known tags resolved again in one look, in turn: was one moved?"""
_turn = itertools.count()

StableDigests = Callable[[], Mapping[str, str]]
Resolve = Callable[[Service, str], str]


@dataclass(frozen=True)
class News:
    """A version to release."""

    service: str
    tag: str
    digest: str


@dataclass
class Look:
    """What was found. `seen` is what is remembered; what failed stays as it was."""

    seen: dict[str, Seen]
    news: list[News] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)
    """What a person should know."""
    failures: list[str] = field(default_factory=list)


def look(
    settings: Settings,
    catalog: Catalog,
    seen: Mapping[str, Seen],
    stable_digests: StableDigests,
    most_news: int,
) -> Look:
    """Read all tags; resolve those that are new. Raises `Unreachable` when no registry is known,
    and for nothing else: a service that can't be read becomes one of the failures."""
    services = list(catalog.services.values())
    addresses = {s.name: s.image.registry or settings.require("registry_url") for s in services}
    readings = read_all(addresses, services)
    found = Look({name: one for name, one in seen.items() if name in catalog.services})
    with ExitStack() as stack:
        resolve = _resolver(addresses, stack)
        for service, tag in _worth_resolving(services, readings, found):
            if len(found.news) == most_news:
                break
            try:
                _judge_tag(service, tag, resolve(service, tag), stable_digests, found)
            except DavylampError as error:
                found.failures.append(f"{service.name}: {error}")
    return found


def _worth_resolving(
    services: list[Service], readings: Mapping[str, Reading], found: Look
) -> Iterator[tuple[Service, str]]:
    """Services with their newest tag: first those where it is new, then some of the known."""
    known: list[tuple[Service, str]] = []
    fresh = 0
    for service in services:
        reading = readings[service.name]
        tag = _newest(service, reading.page, found)
        before = found.seen.get(service.name)
        if tag is None or (before and version_key(tag) < version_key(before.tag)):
            continue
        if before is None or tag != before.tag or reading.has_changed:
            fresh += 1
            if fresh <= MOST_RESOLVED:
                yield service, tag
        else:
            known.append((service, tag))
    first = next(_turn) * _RECHECKED
    for n in range(min(_RECHECKED, len(known))):
        yield known[(first + n) % len(known)]


def _newest(service: Service, page: TagPage | DavylampError, found: Look) -> str | None:
    if isinstance(page, DavylampError):
        found.failures.append(f"{service.name}: {page}")
        return None
    try:
        return newest(page.tags, service.image.tag_pattern)
    except DavylampError as error:
        found.failures.append(f"{service.name}: tag_pattern: {error}")
        return None


def _judge_tag(
    service: Service, tag: str, digest: str, stable_digests: StableDigests, found: Look
) -> None:
    before = found.seen.get(service.name)
    if before is not None and tag == before.tag:
        _note_move(service, before, digest, found)
        return
    live = before.digest if before else stable_digests().get(service.name, "")
    if digest != live:
        found.news.append(News(service.name, tag, digest))
    found.seen[service.name] = Seen(tag, digest)


def _note_move(service: Service, before: Seen, digest: str, found: Look) -> None:
    """A version is never used twice: what a moved tag stands for now is not released for it."""
    if digest in (before.digest, before.moved_to):
        return
    found.seen[service.name] = Seen(before.tag, before.digest, digest)
    found.remarks.append(
        f"{service.name}: tag moved to another digest: {service.image.repository}:{before.tag} was "
        f"{before.digest[:19]} and is {digest[:19]} now. It is not released; find out by whom, and "
        "push the build under a new version"
    )


def _resolver(addresses: Mapping[str, str], stack: ExitStack) -> Resolve:
    opened = {}

    def resolve(service: Service, tag: str) -> str:
        url = addresses[service.name]
        if url not in opened:
            opened[url] = stack.enter_context(closing(open_registry(url)))
        return opened[url].resolve(service.image.repository, tag)

    return resolve
