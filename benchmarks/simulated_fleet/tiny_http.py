"""TinyHttp: GET and HEAD answered from memory, on every loopback address at one port.

Hundreds of addresses of 127.0.0.0/8 share one socket, so that ten thousand copies can each have an
address of their own. The socket is bound to the loopback interface: nobody else reaches it.
"""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

_BIND_TO_DEVICE = 25  # SO_BINDTODEVICE, which the socket module doesn't name


@dataclass(frozen=True)
class Request:
    """`host` is the address that was asked, without the port."""

    method: str
    path: str
    host: str
    headers: Mapping[str, str]


@dataclass(frozen=True)
class Answer:
    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict[str, str])


Handler = Callable[[Request], Answer]


def loopback_socket() -> socket.socket:
    """Listening on all of 127.0.0.0/8, on a free port."""
    found = socket.socket()
    found.setsockopt(socket.SOL_SOCKET, _BIND_TO_DEVICE, b"lo\0")
    found.bind(("0.0.0.0", 0))
    found.listen(1024)
    return found


class _Connection(asyncio.Protocol):
    def __init__(self, handler: Handler) -> None:
        self._handler = handler
        self._got = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._got += data
        while b"\r\n\r\n" in self._got:
            head, _, self._got = self._got.partition(b"\r\n\r\n")
            self._answer(head.decode("latin-1"))

    def _answer(self, head: str) -> None:
        first, *lines = head.split("\r\n")
        method, path, _ = first.split(" ", 2)
        named = (line.partition(":") for line in lines)
        headers = {name.strip().lower(): value.strip() for name, _, value in named}
        host = self._transport.get_extra_info("sockname")[0]
        answer = self._handler(Request(method, path, host, headers))
        more = {"Content-Length": str(len(answer.body)), **answer.headers}
        top = "".join(f"{name}: {value}\r\n" for name, value in more.items())
        self._transport.write(f"HTTP/1.1 {answer.status} -\r\n{top}\r\n".encode())
        if method != "HEAD" and answer.status != 304:
            self._transport.write(answer.body)
        if headers.get("connection", "").lower() == "close":
            self._transport.close()


async def serve(listening: socket.socket, handler: Handler) -> None:
    """Until cancelled."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: _Connection(handler), sock=listening)
    async with server:
        await server.serve_forever()


@contextmanager
def serving(handler: Handler) -> Generator[int]:
    """Serve in a thread of this process; gives the port."""
    listening = loopback_socket()
    port = int(listening.getsockname()[1])
    loop = asyncio.new_event_loop()
    task = loop.create_task(serve(listening, handler))
    thread = threading.Thread(target=_run, args=(loop, task), daemon=True)
    thread.start()
    try:
        yield port
    finally:
        loop.call_soon_threadsafe(task.cancel)
        thread.join(10)


def _run(loop: asyncio.AbstractEventLoop, task: asyncio.Task[None]) -> None:
    try:
        loop.run_until_complete(asyncio.wait([task]))
    finally:
        loop.close()
