"""Asking service processes whether they are well."""

from __future__ import annotations

import aiohttp

from davylamp.plane.ports import HOST

_SECONDS = 2.0


class Health:
    """One HTTP session for all copies; each question opens a connection of its own."""

    def __init__(self) -> None:
        self._session = aiohttp.ClientSession(
            timeout=aiohttp.ClientTimeout(total=_SECONDS),
            connector=aiohttp.TCPConnector(force_close=True, limit=64),
            cookie_jar=aiohttp.DummyCookieJar(),
        )

    async def ask(self, port: int, path: str) -> str:
        """Empty when `path` answers 200; else what happened instead, as a verb phrase."""
        try:
            async with self._session.get(
                f"http://{HOST}:{port}{path}", allow_redirects=False
            ) as answer:
                if answer.status == 200:
                    return ""
                return f"answered {answer.status} on {path}, and not 200"
        except aiohttp.ClientConnectorError:
            return f"never listened on {HOST}:{port}"
        except TimeoutError:
            return f"listened on {HOST}:{port} but did not answer {path}"
        except (aiohttp.ClientError, OSError) as error:
            return f"listened on {HOST}:{port} but answered {path} wrongly ({error})"

    async def close(self) -> None:
        await self._session.close()
