"""What copies say of themselves at `/.well-known/davylamp`, all asked at once."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, cast

import aiohttp

from davylamp.ledger.instance import Instance, InstanceState

_PATH = "/.well-known/davylamp"
_SECONDS = 2.0
"""For one copy; and `_WHOLE_SECONDS` for all of them."""
_WHOLE_SECONDS = 30.0
_AT_ONCE = 100
_AGAIN = 4
"""Rounds after the first, at most."""
_MOST_BYTES = 65_536


@dataclass(frozen=True)
class Report:
    """What a copy said; empty where it said nothing. A copy that doesn't answer here is not
    unreachable for that: not every service has this address."""

    digest: str = ""
    flags_revision: int | str | None = None


def ask_witnesses(copies: Iterable[Instance]) -> dict[str, Report]:
    """By id. Copies that couldn't be asked in time are left out."""
    asked = [one for one in copies if one.address and one.state is InstanceState.READY]
    return asyncio.run(_ask_all(asked)) if asked else {}


async def _ask_all(copies: list[Instance]) -> dict[str, Report]:
    """Who didn't answer is asked again when all others have been, while that brings answers."""
    found: dict[str, Report] = {}
    async with aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=_AT_ONCE, force_close=True),
        timeout=aiohttp.ClientTimeout(total=_SECONDS),
        cookie_jar=aiohttp.DummyCookieJar(),
    ) as session:
        try:
            async with asyncio.timeout(_WHOLE_SECONDS):
                silent = await _round(session, copies, found)
                for _ in range(_AGAIN):
                    before = len(found)
                    silent = await _round(session, silent, found)
                    if len(found) == before:
                        break  # those that are left don't answer at all
        except TimeoutError:
            pass  # the others are left out
    return found


async def _round(
    session: aiohttp.ClientSession, copies: list[Instance], found: dict[str, Report]
) -> list[Instance]:
    """Ask them, many at a time; returns those that didn't answer."""
    left, silent = iter(copies), list[Instance]()

    async def ask_the_next() -> None:
        for copy in left:
            try:
                said = await _ask(session, copy.address)
            except (aiohttp.ClientError, TimeoutError, OSError):
                silent.append(copy)
                continue
            if said is not None:
                found[copy.id] = said

    async with asyncio.TaskGroup() as group:
        for _ in range(min(_AT_ONCE, len(copies))):
            group.create_task(ask_the_next())
    return silent


async def _ask(session: aiohttp.ClientSession, address: str) -> Report | None:
    """None when it says nothing that can be read. Raises what aiohttp does when it doesn't
    answer at all."""
    try:
        async with session.get(f"http://{address}{_PATH}", allow_redirects=False) as answer:
            if answer.status != 200:
                return None
            body = bytearray()
            async for part in answer.content.iter_any():
                body += part
                if len(body) > _MOST_BYTES:
                    return None
        return _report(json.loads(body))
    except (ValueError, RecursionError):  # an address that is none is a ValueError too
        return None


def _report(document: Any) -> Report | None:
    if not isinstance(document, dict):
        return None
    said = cast("dict[str, Any]", document)
    digest, revision = said.get("digest"), said.get("flags_revision")
    return Report(
        digest if isinstance(digest, str) else "",
        revision if isinstance(revision, int | str) else None,
    )
