"""Starting and ending a release's copies, and waiting for them with the lease kept alive."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence

from sqlalchemy import Connection

from davylamp.errors import Refused
from davylamp.fleet.protocol import Platform, StartOrder
from davylamp.judge.sample import Role
from davylamp.ledger import inventory
from davylamp.ledger.instance import Instance, InstanceState
from davylamp.rollout.conduct.hold_of_route import RouteHold
from davylamp.rollout.parts import Parts

_POLL_SECONDS = 0.1
_UNPACK_SECONDS = 60.0
"""On top of a copy's own time: unpacking comes before listening."""


def copy_ids(service: str, release_id: int, role: Role, first: int, count: int) -> tuple[str, ...]:
    """Names of copies, fixed by release and number: an order given twice starts nothing twice."""
    return tuple(f"{service}-r{release_id}-{role.value}-{n}" for n in range(first, first + count))


def start_copies(parts: Parts, hold: RouteHold, orders: Sequence[StartOrder]) -> list[Instance]:
    """Write the copies down, start them all, and wait until each is ready.

    Raises `Refused` naming the copy that failed and why.
    """

    def write(done: Callable[[Connection], None]) -> None:
        with parts.ledger.begin() as db:
            done(db)

    planned = [one for o in orders for one in planned_copies(o)]
    hold.patiently(lambda: write(lambda db: inventory.assign(db, planned)))
    hold.renew()  # a driver that was asleep until now must start nothing
    for one in orders:
        parts.platform.start(one)
    ready = wait_until_ready(parts.platform, orders, hold.renew)
    hold.patiently(lambda: write(lambda db: inventory.observe(db, ready, whole_fleet=False)))
    return ready


def wait_until_ready(
    platform: Platform, orders: Sequence[StartOrder], at_each_look: Callable[[], None]
) -> list[Instance]:
    """All copies that were ordered, once each is ready and runs what it was to run. Raises
    `Refused` naming the copy that isn't, and why."""
    seconds = max(o.start_seconds for o in orders) + _UNPACK_SECONDS
    ordered = {name: o.digest for o in orders for name in o.ids}
    deadline = time.monotonic() + seconds
    while True:
        at_each_look()
        seen = [i for i in platform.instances() if i.id in ordered]
        failed = [i for i in seen if i.state is InstanceState.FAILED]
        if failed:
            raise Refused(f"{failed[0].id} did not start: {failed[0].reason}")
        ready = [i for i in seen if i.state is InstanceState.READY]
        if len(ready) == len(ordered):
            _check_what_runs(ready, ordered)
            return ready
        if time.monotonic() > deadline:
            missing = ", ".join(sorted(ordered.keys() - {i.id for i in ready}))
            raise Refused(f"not ready within {seconds:.0f} s: {missing}")
        time.sleep(_POLL_SECONDS)


def _check_what_runs(ready: Sequence[Instance], ordered: Mapping[str, str]) -> None:
    for copy in ready:
        if copy.digest != ordered[copy.id]:
            raise Refused(f"{copy.id} runs {copy.digest}, and was to run {ordered[copy.id]}")


def stop_copies(parts: Parts, ids: Sequence[str], grace_seconds: float, why: str) -> None:
    """End copies, and take them out of the routes first."""
    if not ids:
        return
    with parts.ledger.begin() as db:
        inventory.mark_stopped(db, ids, why)
    parts.platform.stop(ids, grace_seconds)


def copies_of_release(platform: Platform, release_id: int) -> list[Instance]:
    return [i for i in platform.instances() if i.release_id == release_id]


def planned_copies(order: StartOrder) -> list[Instance]:
    """As they are written down before they are started."""
    return [
        Instance(
            id=name,
            service=order.service,
            digest=order.digest,
            role=order.role,
            release_id=order.release_id,
            state=InstanceState.STARTING,
        )
        for name in order.ids
    ]
