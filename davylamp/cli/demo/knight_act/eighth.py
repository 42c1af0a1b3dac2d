"""The eighth server: a copy somebody starts by hand. No release knows of it."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager

from davylamp.builds.image import PushedImage
from davylamp.cli.demo.knight_act.builds import EIGHTH, SERVICE
from davylamp.cli.demo.waiting import wait_until
from davylamp.fleet.protocol import StartOrder
from davylamp.judge.sample import Role
from davylamp.ledger.instance import InstanceState
from davylamp.rollout.parts import Parts


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
