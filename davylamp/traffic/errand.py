"""One blocking call at a time, off the event loop, with a deadline."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import TypeVar

from davylamp.errors import Unreachable

T = TypeVar("T")


class Errand:
    """Runs blocking calls in a daemon thread: one that never comes back cannot pile up more
    behind it, nor keep the process from ending."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._free = asyncio.Event()
        self._free.set()

    async def run(self, call: Callable[[], T], seconds: float) -> T:
        """The call's result. Raises what it raises, and `Unreachable` after `seconds`; a
        result that comes later is dropped."""
        loop = asyncio.get_running_loop()
        result: asyncio.Future[T] = loop.create_future()
        try:
            async with asyncio.timeout(seconds):
                await self._free.wait()
                self._free.clear()
                threading.Thread(
                    target=self._work, args=(loop, call, result), name=self._name, daemon=True
                ).start()
                return await result
        except TimeoutError as error:
            raise Unreachable(f"{self._name}: no answer within {seconds:.1f} s") from error

    def _work(
        self, loop: asyncio.AbstractEventLoop, call: Callable[[], T], result: asyncio.Future[T]
    ) -> None:
        try:
            value, error = call(), None
        except Exception as caught:  # noqa: BLE001 (handed on to whoever waits)
            value, error = None, caught
        if not loop.is_closed():
            loop.call_soon_threadsafe(self._deliver, result, value, error)

    def _deliver(self, result: asyncio.Future[T], value: T | None, error: Exception | None) -> None:
        self._free.set()
        if result.done():
            return
        if error is not None:
            result.set_exception(error)
        else:
            result.set_result(value)  # pyright: ignore[reportArgumentType]
