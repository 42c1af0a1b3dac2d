"""The stream that keeps shares alive: Envoy's runtime discovery, served over gRPC.

One resource holds the whole fleet's shares and has a time to live. What was vouched for has
an end by the monotonic clock, fixed when it was vouched for: a reconnecting Envoy is told no
more than what is left of it, so connecting again never keeps a share alive.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any

import grpc
import grpc.aio
import structlog

from davylamp.errors import Unreachable
from davylamp.traffic.envoy import names, protobuf

_EMPTY_SECONDS = 5.0
"""Time to live of an answer without shares: when it runs out, nothing changes."""
_LEAST_SECONDS = 0.02
_OPTIONS = (
    # two controllers must never share the port: the second is to fail
    ("grpc.so_reuseport", 0),
    # a client's pings must not end in GOAWAY
    ("grpc.http2.max_ping_strikes", 0),
)
_log: Any = structlog.get_logger("davylamp.traffic.rtds")


@dataclass(frozen=True)
class Vouched:
    """Runtime values, and until when (monotonic seconds) somebody vouches for them."""

    serial: int
    values: dict[str, Any]
    until: float

    def left(self, now: float) -> float:
        return self.until - now if self.values else 0.0


@dataclass(eq=False)
class _Stream:
    """One connected Envoy."""

    news: asyncio.Event = field(default_factory=asyncio.Event)
    acknowledged: int = 0
    refused: str = ""


class RtdsServer:
    """Tells every connected Envoy the shares, and knows which of them it has in force."""

    def __init__(self, port: int, host: str = "127.0.0.1") -> None:
        self.port = port
        self.arrivals = 0
        """How often an Envoy has connected: a new one may know nothing of what was set."""
        self.on_arrival: Callable[[], None] = lambda: None
        self._address = f"{host}:{port}"
        self._server: grpc.aio.Server | None = None
        self._streams: set[_Stream] = set()
        self._state: Vouched | None = None
        self._changed = asyncio.Condition()
        self._armed_until = 0.0

    async def start(self) -> None:
        """Listen. Raises `Unreachable` when somebody else has the port."""
        server = grpc.aio.server(options=_OPTIONS)
        handler: Any = grpc.stream_stream_rpc_method_handler(  # pyright: ignore[reportUnknownVariableType]
            self._stream,
            request_deserializer=protobuf.DiscoveryRequest.FromString,
            response_serializer=_serialize,
        )
        methods = {protobuf.STREAM_METHOD: handler}
        service = grpc.method_handlers_generic_handler(protobuf.STREAM_SERVICE, methods)
        server.add_generic_rpc_handlers((service,))
        try:
            self.port = server.add_insecure_port(self._address)
        except RuntimeError as error:
            raise Unreachable(
                f"the shares cannot be served on {self._address}: {error}; "
                "is another traffic controller still there?"
            ) from error
        await server.start()
        self._server = server

    async def stop(self) -> None:
        """End without a word: what was vouched for runs out by itself."""
        if self._server is not None:
            server, self._server = self._server, None
            await server.stop(grace=None)

    @property
    def connected(self) -> int:
        """Envoys on the line."""
        return len(self._streams)

    def vouch(self, values: dict[str, Any], until: float) -> int:
        """Have these values in force until `until` (monotonic) and no longer; returns a serial
        number to wait for."""
        serial = 1 if self._state is None else self._state.serial + 1
        self._state = Vouched(serial, values, until)
        for stream in self._streams:
            stream.news.set()
        return serial

    async def acknowledged(self, serial: int, seconds: float) -> bool:
        """Wait until every connected Envoy (one at least) has this serial in force."""

        def done() -> bool:
            return bool(self._streams) and all(s.acknowledged >= serial for s in self._streams)

        return await self._wait(done, seconds)

    async def settled(self, serial: int, seconds: float) -> bool:
        """Wait until no Envoy can have shares from before this serial: each has acknowledged
        it, or all that was sent before has run out."""
        left = self._armed_until - time.monotonic()
        if not self._streams and left <= 0:
            return True
        if await self.acknowledged(serial, min(seconds, left) if left > 0 else 0.0):
            return True
        return self._armed_until <= time.monotonic()

    def refusals(self) -> list[str]:
        """Why connected Envoys refused what they were last told, if they did."""
        return [stream.refused for stream in self._streams if stream.refused]

    async def _wait(self, done: Any, seconds: float) -> bool:
        if done():
            return True
        try:
            async with asyncio.timeout(seconds), self._changed:
                await self._changed.wait_for(done)
        except TimeoutError:
            return bool(done())
        return True

    async def _stream(self, requests: AsyncIterator[Any], context: Any) -> None:
        stream = _Stream()
        first = await anext(aiter(requests), None)
        if first is None:
            return
        self._streams.add(stream)
        self.arrivals += 1
        self.on_arrival()
        _log.info("envoy connected", peer=context.peer())
        listening = asyncio.create_task(self._listen(stream, requests))
        telling = asyncio.create_task(self._tell(stream, context))
        try:
            await asyncio.wait((listening, telling), return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._streams.discard(stream)
            for task in (listening, telling):
                task.cancel()
            ends = await asyncio.gather(listening, telling, return_exceptions=True)
            await self._tell_waiters()
            why = [repr(end) for end in ends if isinstance(end, Exception)]
            _log.info("envoy disconnected", peer=context.peer(), why=why)

    async def _tell(self, stream: _Stream, context: Any) -> None:
        stream.news.set()
        while True:
            await stream.news.wait()
            stream.news.clear()
            if self._state is not None:
                await context.write(self._answer(self._state))

    def _answer(self, state: Vouched) -> Any:
        """What is left of it, and nothing once it has run out."""
        now = time.monotonic()
        left = state.left(now)
        values = state.values if left >= _LEAST_SECONDS else {}
        if values:
            self._armed_until = max(self._armed_until, state.until)
        return protobuf.runtime_response(
            names.RUNTIME,
            values,
            serial=state.serial,
            ttl_seconds=left if values else _EMPTY_SECONDS,
        )

    async def _listen(self, stream: _Stream, requests: AsyncIterator[Any]) -> None:
        async for request in requests:
            if not request.response_nonce:
                continue
            if request.HasField("error_detail"):
                stream.refused = request.error_detail.message
                _log.error("envoy refused the shares", why=stream.refused)
            else:
                stream.refused = ""
                stream.acknowledged = max(stream.acknowledged, int(request.response_nonce))
            await self._tell_waiters()

    async def _tell_waiters(self) -> None:
        async with self._changed:
            self._changed.notify_all()


def _serialize(message: Any) -> bytes:
    return message.SerializeToString()
