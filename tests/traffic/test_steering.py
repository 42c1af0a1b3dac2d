"""The loop that vouches: nothing a router does may keep it from taking shares away."""

from __future__ import annotations

import asyncio
import time

import pytest

from davylamp.catalog.model import Catalog
from davylamp.errors import Unreachable
from davylamp.judge.sample import Role
from davylamp.ledger import inventory, routes
from davylamp.ledger.instance import Instance, InstanceState
from davylamp.traffic.catalog_watch import CatalogWatch
from davylamp.traffic.errand import Errand
from davylamp.traffic.steering import Steering


class Recorder:
    """A router that remembers what it was asked for; `apply` is up to the test."""

    def __init__(self, apply) -> None:
        self.lowered = []
        self.applied = 0
        self._apply = apply

    async def lower(self, weights):
        self.lowered.append((time.monotonic(), dict(weights)))

    async def apply(self, routes, weights):
        self.applied += 1
        return await self._apply(routes, weights)


async def never(routes, weights):
    await asyncio.sleep(3600)


async def disk_is_full(routes, weights):
    raise OSError(28, "No space left on device")


async def at_once(routes, weights):
    return {service: route.intent.generation for service, route in routes.items()}


@pytest.fixture
def trial(ledger):
    """A release with half the users, and 60 s of lease."""
    with ledger.begin() as db:
        held = routes.take_route(db, "checkout", 7, 1, 60)
        copy = Instance(
            "c", "checkout", "sha256:c", Role.CANDIDATE, 7, InstanceState.READY, "127.0.0.1:1"
        )
        inventory.assign(db, [copy])
        inventory.observe(db, [copy], whole_fleet=False)
        return routes.set_shares(
            db, "checkout", held.fence, candidate=0.5, baseline=0, lease_seconds=60, reason="step"
        )


def steer(ledger, router, act, tmp_path):
    """Run the loop while `act` runs in a thread."""

    async def run():
        catalog = CatalogWatch(tmp_path, lambda _: Catalog(services={}))
        steering = Steering(ledger, router, catalog, 2.0)
        running = asyncio.create_task(steering.run())
        try:
            await asyncio.to_thread(act)
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)

    asyncio.run(run())


def wait_for(true, seconds=10.0):
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.mark.server
@pytest.mark.parametrize("apply", [never, disk_is_full])
def test_a_router_that_cannot_apply_still_takes_shares_away(ledger, trial, apply, tmp_path):
    router = Recorder(apply)

    def act():
        wait_for(lambda: router.applied and router.lowered[-1][1]["checkout"].candidate == 0.5)
        with ledger.begin() as db:
            routes.cut_route(db, "checkout", "out")
        wait_for(lambda: router.lowered[-1][1]["checkout"].all_stable)
        with ledger.begin() as db:
            assert not routes.read_route(db, "checkout").is_confirmed

    steer(ledger, router, act, tmp_path)


@pytest.mark.server
def test_shares_are_vouched_for_well_within_their_time_to_live(ledger, trial, tmp_path):
    router = Recorder(never)
    steer(ledger, router, lambda: time.sleep(3.0), tmp_path)
    assert len(router.lowered) >= 4


@pytest.mark.server
def test_what_a_router_confirmed_is_written_back(ledger, trial, tmp_path):
    router = Recorder(at_once)

    def confirmed():
        with ledger.begin() as db:
            return routes.read_route(db, "checkout").is_confirmed

    steer(ledger, router, lambda: wait_for(confirmed), tmp_path)


def test_an_errand_that_hangs_does_not_pile_up_others():
    async def run():
        errand = Errand("fetching")
        begun = []

        def hang():
            begun.append(1)
            time.sleep(0.5)
            return "late"

        for _ in range(3):
            with pytest.raises(Unreachable, match="fetching"):
                await errand.run(hang, 0.1)
        assert len(begun) == 1
        assert await errand.run(lambda: "fresh", 2.0) == "fresh"

    asyncio.run(run())


def test_an_errands_own_error_is_handed_on():
    async def run():
        with pytest.raises(ZeroDivisionError):
            await Errand("dividing").run(lambda: 1 / 0, 1.0)

    asyncio.run(run())
