"""A copy of an old build that somebody has started and forgotten: no release knows of it."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager

import httpx

from davylamp.builds.image import PushedImage
from davylamp.cli.demo.schema_act.builds import DATABASE, SERVICE
from davylamp.cli.demo.waiting import wait_until
from davylamp.errors import Unreachable
from davylamp.fleet.protocol import StartOrder
from davylamp.judge.sample import Role
from davylamp.ledger import inventory
from davylamp.ledger.instance import Instance, InstanceState
from davylamp.rollout.databases import environment_of, target_of
from davylamp.rollout.parts import Parts
from davylamp.schema.witness import clients_of, name_of_build

COPY = "orders-forgotten"


@contextmanager
def forgotten_copy(parts: Parts, build: PushedImage) -> Generator[Instance]:
    """Runs while the block does; at its end nobody sees it any more."""
    service = parts.catalog.service(SERVICE)
    order = StartOrder(
        ids=(COPY,),
        service=SERVICE,
        image=build.image,
        digest=build.digest,
        role=Role.STABLE,
        release_id=0,
        environment=environment_of(parts.settings, service, build.version),
    )
    parts.platform.start(order)
    try:
        wait_until(lambda: _is_ready(parts), f"{COPY} did not come up")
        _ask(_seen(parts))
        yield _seen(parts)
    finally:
        parts.platform.stop([COPY], 5.0)
    wait_until(lambda: _is_gone(parts, build), f"{COPY} is still seen")


def _is_ready(parts: Parts) -> bool:
    """For the platform, and for the ledger: a copy it knows as just ordered only counts as there
    for another minute, whatever the platform shows."""
    with parts.ledger.begin() as db:
        known = inventory.instances_of(db)
    return all(
        any(copy.id == COPY and copy.state is InstanceState.READY for copy in copies)
        for copies in (known, parts.platform.instances())
    )


def _seen(parts: Parts) -> Instance:
    return next(copy for copy in parts.platform.instances() if copy.id == COPY)


def _ask(copy: Instance) -> None:
    """Somebody still asks it, past Envoy: so the database knows it too."""
    try:
        httpx.get(f"http://{copy.address}/orders/1", timeout=5.0).raise_for_status()
    except httpx.HTTPError as error:
        raise Unreachable(f"{COPY} at {copy.address} does not answer: {error}") from error


def _is_gone(parts: Parts, build: PushedImage) -> bool:
    """For the platform, for the ledger, and for the database."""
    if any(copy.id == COPY for copy in parts.platform.instances()):
        return False
    with parts.ledger.begin() as db:
        if any(copy.id == COPY for copy in inventory.instances_of(db)):
            return False
    entry = parts.catalog.service(SERVICE).databases[DATABASE]
    clients = clients_of(target_of(parts.settings, DATABASE, entry))
    return name_of_build(SERVICE, build.version) not in {client.name for client in clients}
