"""A service of the shop as an ASGI app: its endpoints, and around them its version's behaviour."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Sequence
from dataclasses import asdict

from behaviour import Behaviour, Fate, draw_fate
from conditions import Conditions
from costs import Garbage, burn
from identity import Identity
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

OWN_PATHS = ("/healthz", "/.well-known/")
"""Answered at once and never with a planted fault: a sick build often looks healthy."""
_REFUSALS = {
    401: JSONResponse({"error": "who are you?"}, status_code=401),
    500: JSONResponse({"error": "internal error"}, status_code=500),
}


def build_app(
    identity: Identity, behaviour: Behaviour, around: Conditions, routes: Sequence[BaseRoute]
) -> Behaving:
    """The service's endpoints with those every service has."""

    async def healthz(_: Request) -> Response:
        return PlainTextResponse("ok\n")

    async def well_known(_: Request) -> Response:
        return JSONResponse(asdict(identity))

    own = [Route("/healthz", healthz), Route("/.well-known/davylamp", well_known)]
    return Behaving(Starlette(routes=[*own, *routes]), identity, behaviour, around)


class Behaving:
    """ASGI middleware: delays, planted faults, and headers that say which version answered.

    While `is_draining`, every answer asks its client to close the connection.
    """

    def __init__(
        self, app: ASGIApp, identity: Identity, behaviour: Behaviour, around: Conditions
    ) -> None:
        self._app = app
        self._version = identity.version.encode()
        self._behaviour = behaviour
        self._around = around
        self._garbage = Garbage(around.garbage_bytes, around.pause_every, around.pause_ms)
        self._began = time.monotonic()
        self._chance = random.Random()
        self.is_draining = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        own = scope["path"].startswith(OWN_PATHS)
        fate = Fate(0.0) if own else self._draw()
        if fate.hangs:
            return await _wait_for_the_client_to_leave(receive)
        if fate.cpu_ms:
            burn(fate.cpu_ms)
        if fate.delay_ms:
            await asyncio.sleep(fate.delay_ms / 1000)
        if not own:
            self._garbage.leave()
        app = self._app if fate.status == 200 else _REFUSALS[fate.status]
        return await app(scope, receive, self._signed(send, fate))

    def _draw(self) -> Fate:
        age = time.monotonic() - self._began
        return draw_fate(self._behaviour, self._around, age, self._chance)

    def _signed(self, send: Send, fate: Fate) -> Send:
        async def signed(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", []), *self._headers(fate)]
            await send(message)

        return signed

    def _headers(self, fate: Fate) -> list[tuple[bytes, bytes]]:
        found = [
            (b"x-shop-version", self._version),
            (b"server-timing", b"app;dur=%.1f" % fate.delay_ms),
        ]
        if fate.is_planted:
            found.append((b"x-shop-fault", b"planted"))
        if self.is_draining:
            found.append((b"connection", b"close"))
        return found


async def _wait_for_the_client_to_leave(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
