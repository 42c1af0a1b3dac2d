"""The audit as assets: real ledger, a platform that shows what it is told to."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from assets.fleet_inventory import fleet_inventory
from assets.ledger_io import decode, encode, ledger_io
from assets.version_skew import version_skew
from davylamp.audit.codes import CODES
from davylamp.audit.inventory import Inventory
from davylamp.catalog.model import Catalog, Service
from davylamp.errors import Unreachable
from davylamp.judge.sample import Role
from davylamp.ledger import inventory
from davylamp.ledger.audits import read_value, write_value
from davylamp.ledger.instance import Instance, InstanceState
from davylamp.ledger.session import Ledger
from davylamp.rollout.engine import Engine
from davylamp.rollout.parts import Parts
from davylamp.settings import Settings
from release_defs.definitions import defs
from release_defs.jobs.fleet_audit import fleet_audit
from sensors.fleet_audit import audit_schedule
from tests.audit.fleets import healthy
from tests.release_defs.world import know_builds

pytestmark = pytest.mark.server

STABLE, OLD = "sha256:" + "1" * 64, "sha256:" + "8" * 64


@dataclass
class Fleet:
    """Implements as much of `Platform` as an audit asks."""

    copies: list[Instance] = field(default_factory=list)
    is_silent: bool = False

    def instances(self) -> list[Instance]:
        if self.is_silent:
            raise Unreachable("the platform is silent")
        return self.copies


@dataclass
class World:
    ledger: Ledger
    fleet: Fleet
    engine: Engine

    def audit(self, *assets: Any) -> dg.ExecuteInProcessResult:
        chosen = assets or (fleet_inventory, version_skew)
        return dg.materialize(
            [fleet_inventory, version_skew],
            selection=list(chosen),
            resources={"engine": self.engine, "ledger_io": ledger_io},
            raise_on_error=False,
        )


@pytest.fixture
def world(ledger: Ledger, tmp_path: Path) -> World:
    entry = {
        "name": "orders",
        "owner": "tests",
        "image": {"repository": "shop/orders"},
        "route": {"hosts": ["orders.localhost"]},
        "instances": 2,
    }
    catalog = Catalog(services={"orders": Service.model_validate(entry)})
    fleet, settings = Fleet(), Settings(home=tmp_path)

    class TestEngine(Engine):
        def settings(self) -> Settings:
            return settings

        @contextmanager
        def ledger(self) -> Iterator[Ledger]:
            yield ledger

        @contextmanager
        def parts(self) -> Iterator[Parts]:
            yield Parts(settings, ledger, fleet, catalog)

    with ledger.begin() as db:
        know_builds(db, "orders", {STABLE: "2.0", OLD: "1.0"})
        inventory.set_stable(db, "orders", digest=STABLE, version="2.0", image="x", release_id=1)
    fleet.copies = [copy("a"), copy("b")]
    return World(ledger, fleet, TestEngine())


def copy(name: str, digest: str = STABLE) -> Instance:
    return Instance(name, "orders", digest, Role.STABLE, 1, InstanceState.READY)


def metadata(result: dg.ExecuteInProcessResult, asset: str) -> Mapping[str, Any]:
    (event,) = result.asset_materializations_for_node(asset)
    return {
        name: value.records if isinstance(value, dg.TableMetadataValue) else value.value
        for name, value in event.metadata.items()
    }


def failed_checks(result: dg.ExecuteInProcessResult) -> dict[str, dg.AssetCheckSeverity]:
    checks = result.get_asset_check_evaluations()
    assert {one.check_name for one in checks} == CODES.keys()
    return {one.check_name: one.severity for one in checks if not one.passed}


def test_a_healthy_fleet_passes_every_check(world: World) -> None:
    result = world.audit()
    assert failed_checks(result) == {}
    shown = metadata(result, "fleet_inventory")
    assert (shown["instances seen"], shown["services short of copies"]) == (2, 0)
    assert shown["age of versions"].startswith("![age of versions](data:image/png;base64,")
    assert metadata(result, "version_skew")["first"] == "nothing found"


def test_the_eighth_server_fails_its_check_with_severity_and_is_named(world: World) -> None:
    world.fleet.copies.append(copy("the-eighth", OLD))
    result = world.audit()
    assert failed_checks(result) == {"stale_instance": dg.AssetCheckSeverity.ERROR}
    shown = metadata(result, "version_skew")
    assert (shown["critical"], shown["new since the last audit"]) == (1, 1)
    assert "the-eighth runs 1.0" in shown["first"]
    (row,) = shown["findings"]
    assert (row.data["instance"], row.data["service"]) == ("the-eighth", "orders")
    with world.ledger.begin() as db:
        frame = decode(read_value(db, "version_skew") or b"")
    assert list(frame["instance"]) == ["the-eighth"]
    assert metadata(world.audit(), "version_skew")["new since the last audit"] == 0


def test_a_silent_platform_is_said_and_closes_nothing(world: World) -> None:
    world.fleet.copies.append(copy("the-eighth", OLD))
    world.audit()
    world.fleet.is_silent = True
    result = world.audit()
    assert "stale_instance" in failed_checks(result)
    assert "platform" in metadata(result, "fleet_inventory")["did not answer"]


def test_findings_over_time_are_drawn_from_the_second_audit_on(world: World) -> None:
    first, second = world.audit(), world.audit()
    assert "findings over the last day" not in metadata(first, "version_skew")
    assert "findings over the last day" in metadata(second, "version_skew")


def test_an_old_inventory_says_nothing_about_now(world: World) -> None:
    assert world.audit(fleet_inventory).success
    with world.ledger.begin() as db:
        content = read_value(db, "fleet_inventory") or b""
    old = decode(content).model_copy(update={"now": 1_700_000_000.0})
    with world.ledger.begin() as db:
        write_value(db, "fleet_inventory", encode(old))
    result = world.audit(version_skew)
    assert not result.success
    (failure,) = [e for e in result.all_events if e.is_step_failure]
    assert "run the job fleet_audit" in json.dumps(str(failure.event_specific_data))


def test_what_is_kept_comes_back_the_same() -> None:
    whole = Inventory.model_validate(healthy(5))
    assert decode(encode(whole)) == whole


def test_the_schedule_waits_for_an_audit_under_way(tmp_path: Path) -> None:
    schedule = audit_schedule("* * * * *")
    with dg.DagsterInstance.local_temp(str(tmp_path)) as instance:
        context = dg.build_schedule_context(instance)
        assert isinstance(schedule(context), dg.RunRequest)
        run = defs.resolve_job_def(fleet_audit.name)
        instance.create_run_for_job(run, status=dg.DagsterRunStatus.STARTED)
        assert isinstance(schedule(context), dg.SkipReason)
