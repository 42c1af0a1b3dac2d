"""The supervisor's socket: HTTP for the command line and for the local platform."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from aiohttp import web
from pydantic import ValidationError

from davylamp.errors import BadInput, DavylampError
from davylamp.fleet.local import INSTANCES, ORDER, StopOrder
from davylamp.fleet.unix_http import Problem
from davylamp.plane.status import NAMES, STATUS

if TYPE_CHECKING:
    from davylamp.plane.supervisor import Supervisor

_LARGEST_BODY = 4 * 1024**2
_Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@asynccontextmanager
async def serve(plane: Supervisor, path: Path) -> AsyncGenerator[None]:
    """Serve while the block lasts. Only our own user may connect: orders run code."""
    app = web.Application(middlewares=[_say_problems], client_max_size=_LARGEST_BODY)
    app.add_routes(_routes(plane))
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=5.0)
    await runner.setup()
    await web.SockSite(runner, _listen(path)).start()
    try:
        yield
    finally:
        await runner.cleanup()
        path.unlink(missing_ok=True)


def _routes(plane: Supervisor) -> list[web.RouteDef]:
    async def status(_: web.Request) -> web.Response:
        return _json(STATUS.dump_json(plane.status()))

    async def instances(_: web.Request) -> web.Response:
        return _json(INSTANCES.dump_json(plane.copies.instances()))

    async def start(request: web.Request) -> web.Response:
        plane.check_staying()
        plane.copies.start(ORDER.validate_json(await request.read()))
        return _json(b"{}")

    async def stop(request: web.Request) -> web.Response:
        order = StopOrder.model_validate_json(await request.read())
        work = asyncio.create_task(plane.copies.stop(order.ids, order.grace_seconds))
        # carried through even if whoever asked goes away
        return _json(NAMES.dump_json(await asyncio.shield(work)))

    async def parts(request: web.Request) -> web.Response:
        plane.add(tuple(NAMES.validate_json(await request.read())))
        return _json(STATUS.dump_json(plane.status()))

    async def shutdown(_: web.Request) -> web.Response:
        return _json(NAMES.dump_json(await asyncio.shield(plane.begin_shutdown())))

    return [
        web.get("/status", status),
        web.get("/instances", instances),
        web.post("/instances", start),
        web.post("/stop", stop),
        web.post("/parts", parts),
        web.post("/shutdown", shutdown),
    ]


@web.middleware
async def _say_problems(request: web.Request, handler: _Handler) -> web.StreamResponse:
    try:
        return await handler(request)
    except ValidationError as error:
        return _problem(BadInput(f"{request.method} {request.path}: {error}"))
    except DavylampError as error:
        return _problem(error)


def _problem(error: DavylampError) -> web.Response:
    problem = Problem(error=str(error), exit_code=error.exit_code)
    return web.Response(
        status=400, body=problem.model_dump_json().encode(), content_type="application/json"
    )


def _json(body: bytes) -> web.Response:
    return web.Response(body=body, content_type="application/json")


def _listen(path: Path) -> socket.socket:
    path.unlink(missing_ok=True)
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    before = os.umask(0o177)
    try:
        listening.bind(str(path))
    finally:
        os.umask(before)
    return listening
