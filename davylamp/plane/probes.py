"""Ways to ask whether a component is ready."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from pathlib import Path

import aiohttp
from pydantic import BaseModel, ValidationError

from davylamp.plane import postgres
from davylamp.plane.ports import HOST

_SECONDS = 2.0
# RFC 9113, 3.4, 4.1 and 6.5: both sides begin with a SETTINGS frame, the client after a preface
_PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
_FRAME_HEADER_BYTES = 9
_SETTINGS = 0x4
_EMPTY_SETTINGS = bytes([0, 0, 0, _SETTINGS, 0, 0, 0, 0, 0])


@dataclass(frozen=True)
class HttpProbe:
    """`GET url` answers 200."""

    url: str

    async def ready(self) -> bool:
        timeout = aiohttp.ClientTimeout(total=_SECONDS)
        try:
            async with (
                aiohttp.ClientSession(timeout=timeout) as session,
                session.get(self.url, allow_redirects=False) as answer,
            ):
                return answer.status == 200
        except (aiohttp.ClientError, TimeoutError, OSError):
            return False


@dataclass(frozen=True)
class TcpProbe:
    """Something accepts connections on the port."""

    port: int

    async def ready(self) -> bool:
        try:
            async with asyncio.timeout(_SECONDS):
                _, writer = await asyncio.open_connection(HOST, self.port)
        except (TimeoutError, OSError):
            return False
        writer.close()
        return True


@dataclass(frozen=True)
class Http2Probe:
    """An HTTP/2 server (gRPC is one) greets on the port.

    The kernel accepts connections for a process that is stopped; a greeting takes one that runs.
    """

    port: int

    async def ready(self) -> bool:
        try:
            async with asyncio.timeout(_SECONDS):
                reader, writer = await asyncio.open_connection(HOST, self.port)
                try:
                    writer.write(_PREFACE + _EMPTY_SETTINGS)
                    header = await reader.readexactly(_FRAME_HEADER_BYTES)
                finally:
                    writer.close()
        except (TimeoutError, OSError, asyncio.IncompleteReadError):
            return False
        return header[3] == _SETTINGS


@dataclass(frozen=True)
class UnixProbe:
    """Something accepts connections on the Unix socket."""

    path: Path

    async def ready(self) -> bool:
        try:
            async with asyncio.timeout(_SECONDS):
                _, writer = await asyncio.open_unix_connection(self.path)
        except (TimeoutError, OSError):
            return False
        writer.close()
        return True


@dataclass(frozen=True)
class PostgresProbe:
    """It answers queries."""

    port: int

    async def ready(self) -> bool:
        return await asyncio.to_thread(postgres.accepts_connections, self.port)


@dataclass(frozen=True)
class StaysUpProbe:
    """It serves nothing: it is ready when it has lived that long."""

    seconds: float

    async def ready(self) -> bool:
        await asyncio.sleep(self.seconds)
        return True


@dataclass(frozen=True)
class DaemonProbe:
    """Dagster's web server says that every daemon it needs has a heartbeat."""

    webserver: str

    async def ready(self) -> bool:
        query = "{instance{daemonHealth{allDaemonStatuses{required healthy}}}}"
        timeout = aiohttp.ClientTimeout(total=_SECONDS)
        try:
            async with (
                aiohttp.ClientSession(timeout=timeout) as session,
                session.post(f"{self.webserver}/graphql", json={"query": query}) as answer,
            ):
                found = _Health.model_validate_json(await answer.read())
        except (aiohttp.ClientError, TimeoutError, OSError, ValidationError):
            return False
        statuses = found.data.instance.daemonHealth.allDaemonStatuses
        return all(status.healthy for status in statuses if status.required)


class _Daemon(BaseModel):
    required: bool
    healthy: bool | None


class _Daemons(BaseModel):
    allDaemonStatuses: list[_Daemon]


class _Instance(BaseModel):
    daemonHealth: _Daemons


class _Data(BaseModel):
    instance: _Instance


class _Health(BaseModel):
    data: _Data
