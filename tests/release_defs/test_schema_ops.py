"""Schema change in Dagster: within a release, and alone. Real ledger, database and images."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import dagster as dg
import psycopg
import pytest

from davylamp.builds.contract import Contract
from davylamp.ledger import releases
from davylamp.ledger.models import ReleaseState
from davylamp.ledger.session import Ledger
from davylamp.rollout.engine import Engine
from davylamp.rollout.parts import Parts
from davylamp.rollout.schema_change import expand
from release_defs.jobs.canary import release_canary
from release_defs.jobs.schema_change import schema_change
from release_defs.ops import schema_report
from release_defs.ops.schema_account import progress_line, quarantine_line
from sensors.names import DATABASE_TAG, OUTCOME_TAG, SCHEMA_OF_TAG
from tests.release_defs.shop import DATABASE, NEW, OLD, Shop, open_shop
from tests.release_defs.world import SERVICE

pytestmark = pytest.mark.server
Launch = Callable[..., dg.ExecuteInProcessResult]


@pytest.fixture
def shop(
    ledger: Ledger, postgres_server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Shop]:
    with open_shop(ledger, postgres_server, tmp_path, monkeypatch) as opened:
        yield opened


@pytest.fixture
def storage() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as instance:
        yield instance


@pytest.fixture
def run(shop: Shop, storage: dg.DagsterInstance) -> Launch:
    class ShopEngine(Engine):
        @contextmanager
        def parts(self) -> Iterator[Parts]:
            yield replace(shop.world.parts)

        @contextmanager
        def ledger(self) -> Iterator[Ledger]:
            yield shop.ledger

    def start(job: dg.JobDefinition, **config: object) -> dg.ExecuteInProcessResult:
        return job.execute_in_process(
            run_config={"service": SERVICE, **config},
            resources={"engine": ShopEngine(), "io_manager": dg.mem_io_manager},
            instance=storage,
            raise_on_error=False,
        )

    return start


def metadata_of(result: dg.ExecuteInProcessResult, op: str) -> dict[str, Any]:
    for event in result.all_events:
        if event.step_key == op and event.is_step_failure:
            return dict(event.step_failure_data.user_failure_data.metadata)
    found = next(e for e in result.all_events if e.step_key == op and e.is_successful_output)
    return dict(found.event_specific_data.metadata)


def failure_of(result: dg.ExecuteInProcessResult, op: str) -> str:
    return result.failure_data_for_node(op).user_failure_data.description or ""


def ran(result: dg.ExecuteInProcessResult) -> list[str]:
    return [e.step_key for e in result.all_events if e.is_step_success or e.is_step_failure]


def tags(storage: dg.DagsterInstance, result: dg.ExecuteInProcessResult) -> dict[str, str]:
    return dict(storage.get_run_by_id(result.run_id).tags)


def state(storage: dg.DagsterInstance) -> dict[str, Any]:
    """What the asset was materialized with last."""
    event = storage.get_latest_materialization_event(dg.AssetKey("migration_state"))
    assert event.asset_materialization.partition == SERVICE
    return dict(event.asset_materialization.metadata)


def old_orders(shop: Shop, rows: int) -> None:
    """Users have 1.0.0, which reads the old column; 1.1.0 waits, and moves it."""
    digest = shop.push("1.0.0", OLD, 1)
    expand(shop.work("1.0.0"))
    shop.live("1.0.0", digest, OLD)
    shop.sql(
        f"INSERT INTO orders (state) SELECT 'paid' FROM generate_series(1, {rows})",
        f'GRANT SELECT, INSERT, UPDATE ON orders TO "{shop.role}"',
    )
    shop.push("1.1.0", NEW, 3)


@pytest.fixture
def cancel_at(
    storage: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> Callable[[str, Any], None]:
    """Terminate the run, as Dagster does, when something is told for the first time."""

    def arm(line: str, say: Any) -> None:
        told: list[object] = []

        def tell(what: object) -> str:
            if not told:
                storage.report_run_canceling(storage.get_runs(limit=1)[0])
                os.kill(os.getpid(), signal.SIGINT)
            told.append(what)
            return say(what)

        monkeypatch.setattr(schema_report, line, tell)

    return arm


def test_a_release_brings_its_database_what_it_needs_before_any_copy_starts(
    shop: Shop, run: Launch, storage: dg.DagsterInstance
) -> None:
    shop.push("1.0.0", OLD, 1)
    with shop.world.turning():
        assert run(release_canary, image="1.0.0").success
        shop.sql("INSERT INTO orders (state) SELECT 'paid' FROM generate_series(1, 3000)")
        shop.push("1.1.0", NEW, 3)
        result = run(release_canary, image="1.1.0")

    assert result.success
    order = ran(result)
    assert order[1:5] == ["guard_contracts", "expand_schema", "migrate_schema", "start_instances"]
    assert order[-1] == "contract_schema"
    assert shop.sql("SELECT count(*) FROM orders WHERE status = 'paid'") == [(3000,)]
    expanded, migrated = (metadata_of(result, op) for op in ("expand_schema", "migrate_schema"))
    assert expanded["result"].value == "shop: applied r2"
    assert [r.data["result"] for r in expanded["revisions"].records] == ["applied"]
    assert migrated["rows"].value == 3000
    assert [r.data["result"] for r in migrated["backfills"].records] == ["done"]
    assert metadata_of(result, "contract_schema")["result"].value == "none"
    assert state(storage)["revision"].value == "r3"


def test_the_release_that_brings_a_drop_says_who_still_needs_what_it_takes(
    shop: Shop, run: Launch, storage: dg.DagsterInstance
) -> None:
    shop.migrated(10, live=False)
    with shop.world.turning(), psycopg.connect(shop.url, application_name="report"):
        result = run(release_canary, image="1.2.0")

    assert result.success
    said = metadata_of(result, "contract_schema")
    assert said["result"].value == "r4: still needed"
    assert "client 'report'" in said["who needs what"].value
    assert shop.sql("SELECT count(state) FROM orders") == [(10,)]


def test_a_change_that_is_not_safe_ends_the_release_as_refused_and_says_the_safe_way(
    shop: Shop, run: Launch, storage: dg.DagsterInstance
) -> None:
    old_orders(shop, 10)
    shop.push("1.1.1", Contract(), 4)
    with shop.world.turning():
        result = run(release_canary, image="1.1.1")

    assert {e.step_key for e in result.all_events if e.is_step_failure} == {"expand_schema"}
    assert "The safe way" in failure_of(result, "expand_schema")
    assert tags(storage, result)[OUTCOME_TAG] == "refused"
    with shop.ledger.begin() as db:
        assert releases.recent_releases(db, SERVICE, 1)[0].state is ReleaseState.REFUSED
    assert shop.world.copies.instances() == []


def test_a_build_without_a_history_passes_by_and_says_so(shop: Shop, run: Launch) -> None:
    shop.push("1.0.0", Contract(), 0)
    with shop.world.turning():
        result = run(release_canary, image="1.0.0")

    assert result.success
    assert metadata_of(result, "expand_schema")["result"].value == "it brings no schema change"
    assert "no database" in metadata_of(result, "contract_schema")["result"].value


def test_a_large_backfill_runs_ahead_of_its_release_and_the_drop_long_after(
    shop: Shop, run: Launch, storage: dg.DagsterInstance
) -> None:
    old_orders(shop, 2000)

    migrated = run(schema_change, image="1.1.0")

    assert migrated.success
    assert ran(migrated) == ["accept_change", "expand_schema", "migrate_schema"]
    found = tags(storage, migrated)
    assert (found[SCHEMA_OF_TAG], found[DATABASE_TAG]) == (SERVICE, DATABASE)
    assert found[OUTCOME_TAG] == "done"
    assert metadata_of(migrated, "migrate_schema")["rows"].value == 2000
    assert state(storage)["progress"].value == "public.orders.status: done, 100%"

    refused = run(schema_change, image="1.1.0", phase="contract")
    assert refused.success  # there is nothing to drop yet
    shop.live("1.2.0", shop.push("1.2.0", NEW, 4), NEW)
    dropped = run(schema_change, phase="contract", revision="r4")

    assert dropped.success, failure_of(dropped, "contract_schema")
    assert ran(dropped) == ["accept_change", "contract_schema"]
    assert state(storage)["revision"].value == "r4"
    assert "public.orders.state: dropped" in state(storage)["quarantine"].value
    with pytest.raises(psycopg.errors.UndefinedColumn):
        shop.sql("SELECT state FROM orders")


def test_a_drop_somebody_needs_is_refused_by_name_and_the_asset_shows_it(
    shop: Shop, run: Launch, storage: dg.DagsterInstance
) -> None:
    shop.migrated(10)
    shop.live("1.0.1", shop.push("1.0.1", OLD, 4), OLD)

    result = run(schema_change, phase="contract")

    assert "checkout 1.0.1" in failure_of(result, "contract_schema")
    assert tags(storage, result)[OUTCOME_TAG] == "refused"
    assert "checkout 1.0.1" in metadata_of(result, "contract_schema")["who needs what"].value
    assert state(storage)["next drop"].value == "r4: still needed"


def test_terminating_a_backfill_stops_it_after_its_batch_and_the_next_run_goes_on(
    shop: Shop, run: Launch, storage: dg.DagsterInstance, cancel_at: Callable[[str, Any], None]
) -> None:
    old_orders(shop, 5_000)

    cancel_at("progress_line", progress_line)

    stopped = run(schema_change, image="1.1.0")

    assert storage.get_run_by_id(stopped.run_id).status is dg.DagsterRunStatus.CANCELED
    assert tags(storage, stopped)[OUTCOME_TAG] == "stopped"
    ((done, changed),) = shop.sql("SELECT rows_done, rows_changed FROM davylamp.backfills")
    filled = shop.sql("SELECT count(*) FROM orders WHERE status IS NOT NULL")
    assert 0 < done < 5_000
    assert filled == [(changed,)]
    assert "public.orders.status" in state(storage)["stopped"].value
    assert shop.events("migrate_stopped")

    assert run(schema_change, image="1.1.0").success
    assert shop.sql("SELECT count(*) FROM orders WHERE status IS NULL") == [(0,)]


def test_terminating_a_drop_in_its_quarantine_gives_the_rights_back(
    shop: Shop, run: Launch, storage: dg.DagsterInstance, cancel_at: Callable[[str, Any], None]
) -> None:
    shop.migrated(10)
    file = shop.world.parts.settings.catalog / f"{SERVICE}.yaml"
    file.write_text(file.read_text().replace("quarantine_seconds: 0.5", "quarantine_seconds: 60"))

    cancel_at("quarantine_line", quarantine_line)

    result = run(schema_change, phase="contract")

    assert storage.get_run_by_id(result.run_id).status is dg.DagsterRunStatus.CANCELED
    shop.sql("SELECT state FROM orders", role=shop.role)
    assert "given_back" in state(storage)["quarantine"].value


@pytest.mark.parametrize(
    ("config", "why"),
    [
        ({"phase": "drop"}, "one of expand, migrate, contract"),
        ({"service": "chekout"}, "chekout"),
        ({}, "never released"),
        ({"image": "9.9.9"}, "9.9.9"),
    ],
)
def test_what_can_not_be_done_is_said_at_once(
    shop: Shop, run: Launch, config: dict[str, str], why: str
) -> None:
    result = run(schema_change, **config)
    assert ran(result) == ["accept_change"]
    assert why in failure_of(result, "accept_change")
