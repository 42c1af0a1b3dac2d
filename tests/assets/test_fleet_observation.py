"""What is reported of the fleet, and when: real ledger, made-up platform."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import dagster as dg
import pytest

from assets.fleet_observation import fleet_observation
from davylamp.catalog.model import Catalog, Service
from davylamp.errors import Unreachable
from davylamp.judge.sample import Role
from davylamp.ledger import inventory
from davylamp.ledger.instance import Instance, InstanceState
from davylamp.ledger.session import Ledger
from davylamp.rollout.engine import Engine
from davylamp.rollout.parts import Parts
from davylamp.settings import Settings
from release_defs.definitions import defs

pytestmark = pytest.mark.server


class Fleet:
    """Implements as much of `Platform` as is asked here."""

    def __init__(self) -> None:
        self.copies: list[Instance] = []

    def instances(self) -> list[Instance]:
        return self.copies


@pytest.fixture
def fleet() -> Fleet:
    return Fleet()


@pytest.fixture
def make_engine(ledger: Ledger, fleet: Fleet) -> Callable[[str], Engine]:
    def make(name: str) -> Engine:
        entry = {
            "name": name,
            "owner": "tests",
            "image": {"repository": f"shop/{name}"},
            "route": {"hosts": [f"{name}.localhost"]},
        }
        catalog = Catalog(services={name: Service.model_validate(entry)})

        class TestEngine(Engine):
            @contextmanager
            def parts(self) -> Iterator[Parts]:
                yield Parts(Settings(), ledger, fleet, catalog)

        return TestEngine()

    return make


@pytest.fixture
def storage() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as instance:
        yield instance


def tick(sensor, engine: Engine, cursor: str | None = None, instance=None):
    context = dg.build_sensor_context(
        cursor=cursor, instance=instance, repository_def=defs.get_repository_def()
    )
    return sensor(context, engine=engine)


def _copy(name: str, digest: str, service: str = "checkout") -> Instance:
    return Instance(name, service, digest, Role.STABLE, 1, InstanceState.READY)


def _make_stable(ledger: Ledger, digest: str) -> None:
    with ledger.begin() as db:
        inventory.set_stable(
            db, "checkout", digest=digest, version="1.0.0", image="x", release_id=1
        )


def test_fleet_is_reported_when_it_changes_and_only_then(
    make_engine, ledger: Ledger, fleet: Fleet, storage: dg.DagsterInstance
) -> None:
    digest = "sha256:" + "1" * 64
    _make_stable(ledger, digest)
    fleet.copies = [_copy("a", digest), _copy("b", digest)]
    engine = make_engine("checkout")

    first = tick(fleet_observation, engine, instance=storage)
    storage.add_dynamic_partitions("services", ["checkout"])
    second = tick(fleet_observation, engine, first.cursor, storage)
    fleet.copies.append(_copy("the-eighth", "sha256:" + "8" * 64))
    third = tick(fleet_observation, engine, first.cursor, storage)

    assert isinstance(first.asset_events[0], dg.AssetMaterialization)
    assert first.asset_events[-1].passed
    assert first.dynamic_partitions_requests[0].partition_keys == ["checkout"]
    assert isinstance(second, dg.SkipReason)
    observed, check = third.asset_events
    assert isinstance(observed, dg.AssetObservation)
    assert "the-eighth" in observed.metadata["leftover instances"].value
    assert not check.passed


def test_services_that_left_the_catalog_lose_their_partition(
    make_engine, storage: dg.DagsterInstance
) -> None:
    storage.add_dynamic_partitions("services", ["checkout", "gone"])

    result = tick(fleet_observation, make_engine("checkout"), instance=storage)

    (request,) = result.dynamic_partitions_requests
    assert isinstance(request, dg.DeleteDynamicPartitionsRequest)
    assert request.partition_keys == ["gone"]


def test_platform_that_does_not_answer_is_never_reported_as_an_empty_fleet(
    make_engine, fleet: Fleet, storage: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    def silent() -> list[Instance]:
        raise Unreachable("the platform does not answer")

    monkeypatch.setattr(fleet, "instances", silent)

    result = tick(fleet_observation, make_engine("checkout"), instance=storage)

    assert isinstance(result, dg.SkipReason)
    assert "does not answer" in result.skip_message
