"""Listening on $HOST:$PORT, and ending without losing a request."""

from __future__ import annotations

import os
import random
import threading
import time
from collections.abc import Sequence
from types import FrameType

import uvicorn
from app import Behaving, build_app
from behaviour import Behaviour
from conditions import Conditions
from costs import leak
from identity import identify
from starlette.routing import BaseRoute

DRAIN_SECONDS = 0.5
"""Between SIGTERM and closing the door: callers are asked to come back elsewhere."""
FINISH_SECONDS = 8
"""How long requests begun before that may take."""
IDLE_SECONDS = 2 * 3600
"""Longer than any proxy keeps an idle connection: the proxy closes it, so no request meets
a connection that is just being closed here."""


def serve(service: str, routes: Sequence[BaseRoute], median_ms: float) -> None:
    """Run a service until SIGTERM. `median_ms` is what its endpoints usually take."""
    behaviour = Behaviour.read()
    if behaviour.die_after_seconds is not None:
        spread = random.uniform(-behaviour.die_spread, behaviour.die_spread)
        _die_after(behaviour.die_after_seconds * (1 + spread))
    time.sleep(behaviour.start_seconds)
    while behaviour.never_listens:
        time.sleep(60)
    app = build_app(identify(service), behaviour, Conditions.read(median_ms), routes)
    leak(behaviour.leak_bytes_a_second, behaviour.faults_after_seconds)
    config = uvicorn.Config(
        app,
        host=os.environ.get("HOST", "127.0.0.1"),
        port=int(os.environ["PORT"]),
        loop="uvloop",
        http="httptools",
        lifespan="off",
        log_level="warning",
        access_log=False,
        timeout_keep_alive=IDLE_SECONDS,
        timeout_graceful_shutdown=FINISH_SECONDS,
    )
    DrainingServer(config, app).run()


class DrainingServer(uvicorn.Server):
    """Goes on answering for a moment after SIGTERM, then closes the door and finishes."""

    def __init__(self, config: uvicorn.Config, app: Behaving) -> None:
        super().__init__(config)
        self._app = app
        self._closes_at = float("inf")

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        if self._app.is_draining:
            return super().handle_exit(sig, frame)
        self._app.is_draining = True
        self._closes_at = time.monotonic() + DRAIN_SECONDS
        return None

    async def on_tick(self, counter: int) -> bool:
        return await super().on_tick(counter) or time.monotonic() >= self._closes_at


def _die_after(seconds: float) -> None:
    timer = threading.Timer(seconds, os._exit, args=(3,))
    timer.daemon = True
    timer.start()
