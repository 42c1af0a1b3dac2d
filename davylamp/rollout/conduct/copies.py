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

    planned = [_planned(o, name) for o in orders for name in o.ids]
    hold.patiently(lambda: write(lambda db: inventory.assign(db, planned)))
    hold.renew()  # a driver that was asleep until now must start nothing
    for one in orders:
        parts.platform.start(one)
    seconds = max(o.start_seconds for o in orders) + 60  # unpacking comes before listening
    wanted = {name for o in orders for name in o.ids}
    ready = _wait_until_ready(parts.platform, hold, wanted, seconds)
    _check_what_runs(ready, {name: o.digest for o in orders for name in o.ids})
    hold.patiently(lambda: write(lambda db: inventory.observe(db, ready, whole_fleet=False)))
    return ready


def _wait_until_ready(
    platform: Platform, hold: RouteHold, wanted: set[str], seconds: float
) -> list[Instance]:
    deadline = time.monotonic() + seconds
    while True:
        hold.renew()
        seen = [i for i in platform.instances() if i.id in wanted]
        failed = [i for i in seen if i.state is InstanceState.FAILED]
        if failed:
            raise Refused(f"{failed[0].id} did not start: {failed[0].reason}")
        ready = [i for i in seen if i.state is InstanceState.READY]
        if len(ready) == len(wanted):
            return ready
        if time.monotonic() > deadline:
            missing = ", ".join(sorted(wanted - {i.id for i in ready}))
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


def _planned(one: StartOrder, name: str) -> Instance:
    return Instance(
        id=name,
        service=one.service,
        digest=one.digest,
        role=one.role,
        release_id=one.release_id,
        state=InstanceState.STARTING,
    )
