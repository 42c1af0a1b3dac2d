"""What copies say of themselves at `/.well-known/davylamp`, all asked at once."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, cast

import httpx

from davylamp.ledger.instance import Instance, InstanceState

_PATH = "/.well-known/davylamp"
_SECONDS = 2.0
"""For one copy; and `_WHOLE_SECONDS` for all of them."""
_WHOLE_SECONDS = 20.0
_AT_ONCE = 100
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
    found: dict[str, Report] = {}
    gate = asyncio.Semaphore(_AT_ONCE)
    limits = httpx.Limits(max_connections=_AT_ONCE, max_keepalive_connections=0)
    async with httpx.AsyncClient(timeout=_SECONDS, limits=limits, trust_env=False) as client:

        async def ask(copy: Instance) -> None:
            async with gate:
                said = await _ask(client, copy.address)
            if said is not None:
                found[copy.id] = said

        tasks = [asyncio.create_task(ask(copy)) for copy in copies]
        _, late = await asyncio.wait(tasks, timeout=_WHOLE_SECONDS)
        for task in late:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    return found


async def _ask(client: httpx.AsyncClient, address: str) -> Report | None:
    try:
        async with asyncio.timeout(_SECONDS), client.stream("GET", f"http://{address}{_PATH}") as a:
            if a.status_code != 200:
                return None
            body = b""
            async for part in a.aiter_bytes():
                body += part
                if len(body) > _MOST_BYTES:
                    return None
        return _report(json.loads(body))
    except (httpx.HTTPError, httpx.InvalidURL, TimeoutError, ValueError, RecursionError):
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
