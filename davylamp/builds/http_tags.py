"""Reading tags over HTTP, many repositories on few connections."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus

import aiohttp

from davylamp.builds.digest import check_repository
from davylamp.builds.http_auth import (
    Challenge,
    Credentials,
    check_realm,
    parse_challenge,
    read_token,
    unauthorized,
)
from davylamp.builds.http_exchange import RETRIED, Deadlines
from davylamp.builds.oci import LARGEST_DOCUMENT
from davylamp.builds.tag_page import MOST_PAGES, TagPage, read_tag_page, within
from davylamp.errors import Refused, Unreachable


@dataclass(frozen=True)
class _Answer:
    status: int
    headers: Mapping[str, str]
    body: bytes


class TagClient:
    """Reads tag lists of one registry within a session of the caller's."""

    def __init__(
        self,
        session: aiohttp.ClientSession,
        url: str,
        credentials: Credentials,
        deadlines: Deadlines,
    ) -> None:
        self._session = session
        self._url = url.rstrip("/")
        self._credentials = credentials
        self._deadlines = deadlines

    async def read(self, repository: str, known: TagPage | None) -> TagPage:
        """All tags; `known` again when the registry says it still holds."""
        path = f"/v2/{check_repository(repository)}/tags/list"
        etag = known.etag if known else ""
        first = await self._ask(path, {"If-None-Match": etag} if etag else {})
        if known and first.status == HTTPStatus.NOT_MODIFIED:
            return known
        if first.status == HTTPStatus.NOT_FOUND:
            return TagPage(())
        found, more = self._page(first, path)
        # The ETag of a first page says nothing about the others.
        fresh = "" if more else first.headers.get("ETag", "")
        for _ in range(MOST_PAGES):
            if not more:
                break
            path = within(self._url, path, more).removeprefix(self._url)
            page, more = self._page(await self._ask(path, {}), path)
            found += page
        return TagPage(tuple(sorted(set(found))), fresh)

    def _page(self, answer: _Answer, path: str) -> tuple[list[str], str]:
        where = f"registry {self._url}: {path}"
        if answer.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            raise Unreachable(f"{where} answers {answer.status}: see the registry's log")
        if answer.status != HTTPStatus.OK:
            raise Refused(f"{where} answers {answer.status}")
        return read_tag_page(answer.body, answer.headers.get("Link", ""), where)

    async def _ask(self, path: str, headers: dict[str, str]) -> _Answer:
        answer = await self._get(self._url + path, headers)
        if answer.status != HTTPStatus.UNAUTHORIZED:
            return answer
        challenge = parse_challenge(answer.headers.get("WWW-Authenticate", ""))
        allowed = {**headers, "Authorization": await self._authorize(challenge)}
        answer = await self._get(self._url + path, allowed)
        if answer.status == HTTPStatus.UNAUTHORIZED:
            raise unauthorized(self._url, f"GET {path}")
        return answer

    async def _authorize(self, challenge: Challenge) -> str:
        ours = self._credentials.header
        if challenge.scheme == "basic" and ours:
            return ours
        if challenge.scheme != "bearer":
            raise unauthorized(self._url, "read tags")
        realm = check_realm(self._url, challenge)
        headers = {"Authorization": ours} if ours else {}
        answer = await self._get(realm, headers, challenge.token_query())
        if answer.status != HTTPStatus.OK:
            raise unauthorized(self._url, "read tags")
        return "Bearer " + read_token(self._url, answer.body)

    async def _get(
        self, url: str, headers: dict[str, str], query: dict[str, str] | None = None
    ) -> _Answer:
        said = ""
        for attempt in range(self._deadlines.attempts):
            if attempt:
                await asyncio.sleep(self._deadlines.first_pause * 2 ** (attempt - 1))
            try:
                async with self._session.get(url, headers=headers, params=query) as response:
                    body = await _read(response, url)
                    if response.status not in RETRIED:
                        return _Answer(response.status, response.headers, body)
                    said = f"status {response.status}"
            except (aiohttp.ClientError, TimeoutError) as error:
                said = str(error) or type(error).__name__
        raise Unreachable(
            f"{url} does not answer ({said}): see whether the registry runs (`davylamp status`) "
            "and whether DAVYLAMP_REGISTRY_URL is right"
        )


async def _read(response: aiohttp.ClientResponse, url: str) -> bytes:
    found = bytearray()
    async for chunk in response.content.iter_any():
        found += chunk
        if len(found) > LARGEST_DOCUMENT:
            raise Refused(f"{url}: the answer is larger than {LARGEST_DOCUMENT} bytes")
    return bytes(found)
