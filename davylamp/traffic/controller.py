"""The traffic controller: the only thing that touches the router.

`python -m davylamp.traffic.controller` runs it. Of several, one is active; the others wait.
It ends without a word to Envoy: what it vouched for runs out by itself.
"""

from __future__ import annotations

import asyncio
import signal
import sys
from typing import Any

import structlog

from davylamp.catalog.load import load_catalog
from davylamp.errors import BadInput, DavylampError, Unreachable
from davylamp.ledger.session import Ledger, checked_url
from davylamp.settings import Settings, load_settings
from davylamp.traffic.catalog_watch import CatalogWatch
from davylamp.traffic.envoy.admin import Admin
from davylamp.traffic.envoy.router import EnvoyRouter
from davylamp.traffic.envoy.rtds import RtdsServer
from davylamp.traffic.seat import Seat, SeatTaken
from davylamp.traffic.steering import Steering

_PORT_RETRY_SECONDS = 0.3
_log: Any = structlog.get_logger("davylamp.traffic.controller")


async def serve(settings: Settings) -> None:
    """Be a controller until cancelled: wait for the seat, be active, and again."""
    if not settings.rtds_port:
        raise BadInput("no port for the shares: set DAVYLAMP_RTDS_PORT (`davylamp up` does)")
    url = checked_url(settings.require("ledger_url"))
    settings.require("envoy_admin_url")
    ledger = Ledger.connect(url)
    try:
        while True:
            await _be_active_once(settings, ledger, url)
    finally:
        ledger.close()


async def _be_active_once(settings: Settings, ledger: Ledger, url: str) -> None:
    rung = asyncio.Event()
    seat = Seat(url, rung.set)
    _log.info("waiting to become active")
    await seat.take()
    rtds = RtdsServer(settings.rtds_port)
    try:
        await _bind(rtds)
        _log.info("active", rtds_port=rtds.port)
        await _steer(settings, ledger, rtds, seat, rung)
    except SeatTaken:
        _log.warning("another controller is active; stepping down")
    finally:
        await rtds.stop()
        await seat.leave()


async def _bind(rtds: RtdsServer) -> None:
    """The port is the second lock: who was active before may need a moment to let go."""
    while True:
        try:
            await rtds.start()
            return
        except Unreachable as error:
            _log.warning("waiting for the port", why=str(error))
            await asyncio.sleep(_PORT_RETRY_SECONDS)


async def _steer(
    settings: Settings, ledger: Ledger, rtds: RtdsServer, seat: Seat, rung: asyncio.Event
) -> None:
    catalog = CatalogWatch(settings.catalog, load_catalog)
    await asyncio.to_thread(catalog.look)
    admin = Admin(settings.require("envoy_admin_url"))
    router = EnvoyRouter(settings.envoy_folder, admin, rtds, lambda: catalog.catalog)
    steering = Steering(ledger, router, catalog, settings.ttl_seconds)
    rtds.on_arrival = steering.ring
    try:
        async with asyncio.TaskGroup() as group:
            group.create_task(steering.run())
            group.create_task(seat.keep())
            group.create_task(_pass_on(rung, steering))
            group.create_task(catalog.follow(steering.ring))
    except* SeatTaken as taken:
        raise SeatTaken from taken
    finally:
        await router.close()


async def _pass_on(rung: asyncio.Event, steering: Steering) -> None:
    while True:
        await rung.wait()
        rung.clear()
        steering.ring()


async def _until_told(settings: Settings) -> None:
    """Serve until SIGTERM or SIGINT."""
    serving = asyncio.create_task(serve(settings))
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, serving.cancel)
    try:
        await serving
    except asyncio.CancelledError:
        _log.info("ended; what was vouched for runs out by itself")


def _log_lines() -> None:
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso"),
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(),
        ],
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )


def main() -> int:
    """Run a controller; returns the exit code."""
    _log_lines()
    try:
        asyncio.run(_until_told(load_settings()))
    except DavylampError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
