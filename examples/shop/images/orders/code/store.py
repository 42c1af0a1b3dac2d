"""The orders' table, by whichever column this version keeps an order's status in."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import psycopg
from psycopg import AsyncConnection, sql

CONNECTIONS = 4
_CONNECT_SECONDS = 5
_LAST_ORDER = 10_000
"""Orders up to this number exist from the start."""


class Pool:
    """A few connections for one event loop; one that broke is replaced when it is next wanted."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._free: asyncio.LifoQueue[AsyncConnection | None] = asyncio.LifoQueue()
        for _ in range(CONNECTIONS):
            self._free.put_nowait(None)

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[AsyncConnection]:
        found = await self._free.get()
        try:
            if found is None or found.closed:
                found = await AsyncConnection.connect(
                    self._url, autocommit=True, connect_timeout=_CONNECT_SECONDS
                )
            yield found
        except psycopg.OperationalError:
            if found is not None:
                await found.close()
            raise
        finally:
            self._free.put_nowait(found)


class Orders:
    """Reads and writes orders. `column` is `state` in the first version and `status` since."""

    def __init__(self, pool: Pool, column: str, statuses: tuple[str, ...]) -> None:
        name = sql.Identifier(column)
        self._pool, self._statuses = pool, statuses
        self._read = sql.SQL("SELECT {} FROM orders WHERE id = %s").format(name)
        self._insert = sql.SQL(
            "INSERT INTO orders (cart, {}, total_cents) VALUES (%s, %s, %s) RETURNING id"
        ).format(name)
        self._update = sql.SQL(
            "UPDATE orders SET {} = %s, changed_at = now() WHERE id = %s RETURNING id"
        ).format(name)

    @classmethod
    def open(cls) -> Orders:
        statuses = tuple(os.environ.get("SHOP_STATUSES", "placed,paid,sent").split(","))
        pool = Pool(os.environ["DAVYLAMP_DATABASE_SHOP"])
        return cls(pool, os.environ.get("SHOP_STATUS_COLUMN", "state"), statuses)

    async def status_of(self, number: int) -> str | None:
        """None when there is no such order."""
        async with self._pool.connection() as db:
            row = await (await db.execute(self._read, [number])).fetchone()
        return None if row is None else str(row[0])

    async def place(self, cart: int) -> int:
        """Write a new order, and move an older one on; returns the new one's number."""
        older = cart * 7919 % _LAST_ORDER + 1
        async with self._pool.connection() as db, db.transaction():
            new = await (
                await db.execute(self._insert, [cart, self._statuses[0], cart * 37 % 9_000])
            ).fetchone()
            await db.execute(self._update, [self._statuses[cart % len(self._statuses)], older])
        assert new is not None
        return int(new[0])
