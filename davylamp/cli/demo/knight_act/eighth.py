"""The eighth server: a copy somebody starts by hand. No release knows of it."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator
from contextlib import contextmanager

from davylamp.builds.image import PushedImage
from davylamp.cli.demo.knight_act.builds import EIGHTH, SERVICE
from davylamp.errors import Unreachable
from davylamp.fleet.protocol import StartOrder
from davylamp.judge.sample import Role
from davylamp.ledger.instance import InstanceState
from davylamp.rollout.parts import Parts

_SECONDS = 30.0


@contextmanager
def eighth_server(parts: Parts, build: PushedImage) -> Generator[None]:
    """Runs until the block ends, or until somebody drains it."""
    ids = (EIGHTH,)
    parts.platform.start(
        StartOrder(ids, SERVICE, build.image, build.digest, Role.STABLE, release_id=0)
    )
    try:
        wait_until(lambda: is_ready(parts), f"{EIGHTH} did not come up")
        yield
    finally:
        if is_there(parts):
            parts.platform.stop([EIGHTH], 5.0)


def is_ready(parts: Parts) -> bool:
    copies = parts.platform.instances()
    return any(one.id == EIGHTH and one.state is InstanceState.READY for one in copies)


def is_there(parts: Parts) -> bool:
    gone = (InstanceState.STOPPED, InstanceState.FAILED)
    return any(one.id == EIGHTH and one.state not in gone for one in parts.platform.instances())


def wait_until(condition: Callable[[], bool], what: str, seconds: float = _SECONDS) -> None:
    """Raises `Unreachable` when it has not come to be in time."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise Unreachable(f"{what} after {seconds:.0f} s: `davylamp status` shows the copies")
        time.sleep(0.3)
