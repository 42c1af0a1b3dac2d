"""What is up, where, and since when."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from pydantic import TypeAdapter

from davylamp.errors import Unreachable
from davylamp.fleet.unix_http import UnixHttp
from davylamp.ledger.instance import Instance
from davylamp.plane.home import Home
from davylamp.plane.lock import is_locked
from davylamp.settings import Settings


@dataclass(frozen=True)
class PartStatus:
    """One part of the plane."""

    name: str
    state: str
    """`waiting`, `starting`, `ready`, `down`; `external` for what runs elsewhere."""
    address: str = ""
    since: datetime | None = None
    pid: int = 0
    restarts: int = 0
    memory_bytes: int = 0
    cpu_seconds: float = 0.0
    reason: str = ""
    log: str = ""


@dataclass(frozen=True)
class PlaneStatus:
    """The whole plane at one moment. Not up: no parts."""

    home: str
    is_up: bool
    pid: int = 0
    since: datetime | None = None
    is_going_down: bool = False
    memory_bytes: int = 0
    """Of the supervisor."""
    parts: tuple[PartStatus, ...] = ()
    instances: tuple[Instance, ...] = ()

    def part(self, name: str) -> PartStatus | None:
        return next((part for part in self.parts if part.name == name), None)


STATUS = TypeAdapter(PlaneStatus)
NAMES = TypeAdapter(list[str])
"""Of parts."""


def plane_status(settings: Settings, *, seconds: float = 5.0) -> PlaneStatus:
    """Ask the supervisor. A plane that is not there is a status too, not an error."""
    home = Home.of(settings)
    if not home.socket.exists():
        return PlaneStatus(str(home.folder), is_up=False)
    try:
        return STATUS.validate_json(ask(home.socket, "GET", "/status", seconds=seconds))
    except Unreachable:
        if is_locked(home.lock):
            raise  # somebody is there, and doesn't answer
        return PlaneStatus(str(home.folder), is_up=False)


def ask(socket: Path, method: str, path: str, body: bytes = b"", *, seconds: float) -> bytes:
    return UnixHttp(socket).call(method, path, body, seconds=seconds)
