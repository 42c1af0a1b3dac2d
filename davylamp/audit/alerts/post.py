"""post: one notice to one receiver, within a deadline."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

import httpx

_SECONDS = 15.0
"""For all of it, name resolution and a slow answer included."""
_GONE = 410


@dataclass(frozen=True)
class Reply:
    """What became of one attempt."""

    error: str = ""
    """Empty when it was taken."""
    is_reached: bool = True
    """Whether the receiver answered at all."""
    is_final: bool = False
    """Whether it wants no more of them."""
    wait_seconds: float = 0.0
    """How long it asked to be left alone."""


def post(url: str, headers: dict[str, str], body: bytes) -> Reply:
    """Never raises: what went wrong is in the reply. Redirects aren't followed: a notice goes where
    the settings say, or nowhere."""
    try:
        return asyncio.run(_post(url, headers, body))
    except TimeoutError:
        return Reply(f"no answer within {_SECONDS:g} s", is_reached=False)
    except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
        why = str(error) or type(error).__name__
        return Reply(f"could not be sent: {why}", is_reached=False)


async def _post(url: str, headers: dict[str, str], body: bytes) -> Reply:
    async with (
        asyncio.timeout(_SECONDS),
        httpx.AsyncClient(timeout=_SECONDS, trust_env=False, follow_redirects=False) as client,
        client.stream("POST", url, headers=headers, content=body) as answer,
    ):
        return _reply(answer)  # the body of the answer says nothing we need


def _reply(answer: httpx.Response) -> Reply:
    if answer.is_success:
        return Reply()
    where = answer.headers.get("location", "")
    to = f" to {where[:200]}, which is not followed" if where else ""
    return Reply(
        f"answered {answer.status_code} {answer.reason_phrase}{to}".rstrip(),
        is_final=answer.status_code == _GONE,
        wait_seconds=_retry_after(answer.headers.get("retry-after", "")),
    )


def _retry_after(value: str) -> float:
    """Seconds; a date says nothing to a clock that may be another."""
    return float(value) if value.isascii() and value.isdigit() and len(value) < 8 else 0.0
