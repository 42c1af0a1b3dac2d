"""The one seat: whoever holds it is the active traffic controller, and hears of changes.

It is an advisory lock of PostgreSQL on the connection that listens: the lock is gone when
its holder is, and a holder that lost its connection knows that it may not be alone.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from typing import Any

import psycopg
import structlog
from sqlalchemy.engine import make_url

CHANNEL = "davylamp_route"
_LOCK = "SELECT pg_try_advisory_lock(hashtext('davylamp.traffic.controller'))"
_PATIENCE_SECONDS = 3.0
_KNOCK_SECONDS = 0.5
_BACK_OFF_SECONDS = (0.1, 0.2, 0.5, 1.0)
_log: Any = structlog.get_logger("davylamp.traffic.seat")

Connection = psycopg.AsyncConnection[Any]


class SeatTaken(Exception):
    """Another controller is active."""


class Seat:
    """A place to wait for, and to keep."""

    def __init__(self, ledger_url: str, on_news: Callable[[], None]) -> None:
        url = make_url(ledger_url).set(drivername="postgresql")
        self._url = url.render_as_string(hide_password=False)
        self._on_news = on_news
        self._connection: Connection | None = None

    async def take(self) -> None:
        """Wait until nobody else is active; for as long as it takes."""
        failures = 0
        while True:
            try:
                async with self._connected() as connection:
                    while not await _try_lock(connection):
                        failures = 0
                        await asyncio.sleep(_KNOCK_SECONDS)
                    await self._listen(connection)
                    self._connection = connection
                return
            except (psycopg.Error, OSError, TimeoutError) as error:
                failures += 1
                await _back_off("the ledger cannot be reached to become active", failures, error)

    async def keep(self) -> None:
        """Stay, and ring at every change. Ends only by raising `SeatTaken`: a lost connection
        is made anew, and while the ledger is unreachable nobody else can be active either."""
        failures = 0
        while True:
            try:
                await self._stay()
            except (psycopg.Error, OSError, TimeoutError) as error:
                failures += 1
                await self.leave()
                await _back_off("the connection that listens was lost", failures, error)
            try:
                if self._connection is None:
                    await self._retake()
                    failures = 0
            except (psycopg.Error, OSError, TimeoutError) as error:
                await _back_off("the ledger cannot be reached", failures, error)

    async def leave(self) -> None:
        """Give the seat up at once."""
        if self._connection is not None:
            connection, self._connection = self._connection, None
            await _close(connection)

    async def _stay(self) -> None:
        connection = self._connection
        if connection is None:
            return
        while True:
            async for _ in connection.notifies(timeout=1.0, stop_after=1):
                self._on_news()
            async with asyncio.timeout(_PATIENCE_SECONDS):
                await connection.execute("SELECT 1")

    async def _retake(self) -> None:
        async with self._connected() as connection:
            if not await _try_lock(connection):
                raise SeatTaken
            await self._listen(connection)
            self._connection = connection
        self._on_news()

    @asynccontextmanager
    async def _connected(self) -> AsyncGenerator[Connection]:
        """A connection, closed again at the end unless it has become the seat's."""
        async with asyncio.timeout(_PATIENCE_SECONDS):
            connection = await psycopg.AsyncConnection[Any].connect(
                self._url, autocommit=True, connect_timeout=3
            )
        try:
            yield connection
        finally:
            if connection is not self._connection:
                await _close(connection)

    async def _listen(self, connection: Connection) -> None:
        async with asyncio.timeout(_PATIENCE_SECONDS):
            await connection.execute(f"LISTEN {CHANNEL}")


async def _try_lock(connection: Connection) -> bool:
    async with asyncio.timeout(_PATIENCE_SECONDS):
        row = await (await connection.execute(_LOCK)).fetchone()
    return bool(row and row[0])


async def _close(connection: Connection) -> None:
    try:
        async with asyncio.timeout(1.0):
            await connection.close()
    except (psycopg.Error, OSError, TimeoutError) as error:
        _log.debug("closing a lost connection", error=str(error))


async def _back_off(what: str, failures: int, error: Exception) -> None:
    pause = _BACK_OFF_SECONDS[min(failures, len(_BACK_OFF_SECONDS)) - 1]
    _log.warning(what, error=str(error).strip() or type(error).__name__, again_in_seconds=pause)
    await asyncio.sleep(pause)
