"""The local platform: service processes, kept by the embedded plane's supervisor."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from davylamp.fleet.protocol import StartOrder
from davylamp.fleet.unix_http import UnixHttp
from davylamp.ledger.instance import Instance

ORDER = TypeAdapter(StartOrder)
INSTANCES = TypeAdapter(list[Instance])


class StopOrder(BaseModel):
    """Which copies to end, and how long they may take."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    ids: tuple[str, ...]
    grace_seconds: float = Field(10.0, ge=0, le=600)


class LocalPlatform:
    """Implements `Platform` over the supervisor's socket."""

    def __init__(self, socket: Path, *, seconds: float = 10.0) -> None:
        """`seconds` is the deadline of a call; `stop` adds the grace to it."""
        self._http = UnixHttp(socket)
        self._seconds = seconds

    def start(self, order: StartOrder) -> None:
        self._http.call("POST", "/instances", ORDER.dump_json(order), seconds=self._seconds)

    def stop(self, ids: Sequence[str], grace_seconds: float = 10.0) -> None:
        """Returns when the copies are gone."""
        order = StopOrder(ids=tuple(ids), grace_seconds=grace_seconds)
        body = order.model_dump_json().encode()
        self._http.call("POST", "/stop", body, seconds=grace_seconds + self._seconds)

    def instances(self) -> list[Instance]:
        answer = self._http.call("GET", "/instances", seconds=self._seconds)
        return INSTANCES.validate_json(answer)
