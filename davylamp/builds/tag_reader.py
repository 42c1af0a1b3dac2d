"""The tags of many repositories at once, for a sensor that looks every few seconds."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence

import aiohttp

from davylamp.builds.http_auth import Credentials, honours_proxies
from davylamp.builds.http_exchange import Deadlines
from davylamp.builds.http_tags import TagClient
from davylamp.builds.layout import LayoutRegistry
from davylamp.builds.open import is_layout, layout_folder, open_registry
from davylamp.builds.tag_page import TagPage
from davylamp.errors import DavylampError

__all__ = ["TagPage", "read_tags", "read_tags_now"]

Tags = Mapping[str, TagPage | DavylampError]
_Reader = Callable[[str, TagPage | None], Awaitable[TagPage]]


async def read_tags(
    url: str,
    repositories: Sequence[str],
    known: Mapping[str, TagPage] | None = None,
    limit: int = 32,
    deadlines: Deadlines | None = None,
) -> Tags:
    """Tags by repository; a repository that cannot be read has its error instead.

    `known` pages that still hold are returned as they are. `limit` is how many repositories are
    asked at once. A repository that does not exist has no tags. `BadInput` for a wrong `url`.
    """
    if is_layout(url):
        layout = LayoutRegistry(layout_folder(url))
        return await _read_all(_from_folder(layout), repositories, known or {}, limit)
    open_registry(url).close()
    times = deadlines or Deadlines()
    timeout = aiohttp.ClientTimeout(
        total=times.call, sock_connect=times.connect, sock_read=times.read
    )
    async with aiohttp.ClientSession(
        timeout=timeout,
        connector=aiohttp.TCPConnector(limit=limit),
        trust_env=honours_proxies(url),
    ) as session:
        client = TagClient(session, url, Credentials.from_environment(), times)
        return await _read_all(client.read, repositories, known or {}, limit)


def read_tags_now(
    url: str,
    repositories: Sequence[str],
    known: Mapping[str, TagPage] | None = None,
    limit: int = 32,
    deadlines: Deadlines | None = None,
) -> Tags:
    """`read_tags` for callers without an event loop."""
    return asyncio.run(read_tags(url, repositories, known, limit, deadlines))


async def _read_all(
    read: _Reader, repositories: Sequence[str], known: Mapping[str, TagPage], limit: int
) -> Tags:
    gate = asyncio.Semaphore(limit)

    async def one(repository: str) -> TagPage | DavylampError:
        async with gate:
            try:
                return await read(repository, known.get(repository))
            except DavylampError as error:
                return error

    unique = list(dict.fromkeys(repositories))
    pages = await asyncio.gather(*(one(repository) for repository in unique))
    return dict(zip(unique, pages, strict=True))


def _from_folder(layout: LayoutRegistry) -> _Reader:
    async def read(repository: str, known: TagPage | None) -> TagPage:
        # The stamp is read first: a push in between is then seen the next time.
        stamp = layout.stamp(repository)
        if known and stamp and known.etag == stamp:
            return known
        return TagPage(tuple(await asyncio.to_thread(layout.tags, repository)), stamp)

    return read
