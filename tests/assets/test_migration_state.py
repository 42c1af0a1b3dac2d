"""How far a schema change has come, as operators see it: real ledger, real database."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import dagster as dg
import psycopg
import pytest

from assets.migration_observation import migration_observation
from assets.migration_state import materialization, observation, read_migrations
from davylamp.ledger.session import Ledger
from davylamp.rollout.contract_ready import contract_outlooks
from davylamp.rollout.engine import Engine
from davylamp.rollout.parts import Parts
from davylamp.rollout.schema_change import expand, migrate
from davylamp.rollout.schema_mirror import refresh_state
from davylamp.rollout.schema_work import Listener
from davylamp.schema.quarantine import begin_quarantine
from davylamp.schema.quarantine_rights import Held
from tests.release_defs.shop import DATABASE, NEW, OLD, Shop, open_shop
from tests.release_defs.world import SERVICE

pytestmark = pytest.mark.server


@pytest.fixture
def shop(
    ledger: Ledger, postgres_server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Shop]:
    with open_shop(ledger, postgres_server, tmp_path, monkeypatch) as opened:
        yield opened


@pytest.fixture
def storage() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as instance:
        instance.add_dynamic_partitions("services", [SERVICE])
        yield instance


def shown(shop: Shop) -> dict[str, Any]:
    parts = shop.world.parts
    refresh_state(parts, DATABASE, parts.catalog.service(SERVICE).databases[DATABASE])
    (found,) = read_migrations(parts, contract_outlooks(parts))
    return {
        name: value.records if isinstance(value, dg.TableMetadataValue) else value.value
        for name, value in observation(found).metadata.items()
    }


def tick(shop: Shop, storage: dg.DagsterInstance, cursor: str | None = None) -> Any:
    class ShopEngine(Engine):
        @contextmanager
        def parts(self) -> Iterator[Parts]:
            yield replace(shop.world.parts)  # a catalog read anew

    context = dg.build_sensor_context(cursor=cursor, instance=storage)
    found = migration_observation(context, engine=ShopEngine())
    return found, context.cursor if isinstance(found, dg.SkipReason) else found.cursor


def test_a_service_without_a_history_has_no_state(shop: Shop) -> None:
    assert read_migrations(shop.world.parts) == []


def test_a_finished_migration_shows_its_revisions_and_that_its_drop_is_next(shop: Shop) -> None:
    shop.migrated(50)
    found = shown(shop)
    assert found["phase"] == "none"
    assert found["revision"] == "r3"
    assert found["pending"] == "r4 (contract)"
    assert found["progress"] == "public.orders.status: done, 100%"
    assert found["next drop"] == "r4: nobody needs it"
    assert (found["still needed by"], found["stopped"]) == (0, "no")
    rows = [dict(record.data) for record in found["revisions"]]
    assert [(r["revision"], r["state"], r["brought by"]) for r in rows] == [
        ("r1", "applied", "checkout 1.0.0"),
        ("r2", "applied", "checkout 1.1.0"),
        ("r3", "applied", "checkout 1.1.0"),
        ("r4", "pending", "checkout 1.2.0"),
    ]


def test_who_still_needs_what_is_told_by_name(shop: Shop) -> None:
    shop.migrated(50)
    shop.live("1.0.1", shop.push("1.0.1", OLD, 4), OLD)
    with psycopg.connect(shop.url, application_name="report"):
        found = shown(shop)
    assert found["next drop"] == "r4: still needed"
    assert found["still needed by"] == 2
    assert "| release | checkout 1.0.1" in found["who needs what"]
    assert "client 'report'" in found["who needs what"]


def test_a_backfill_that_stopped_says_where_and_a_quarantine_until_when(shop: Shop) -> None:
    shop.push("1.0.0", OLD, 1)
    expand(shop.work("1.0.0"))
    shop.sql("INSERT INTO orders (state) SELECT 'paid' FROM generate_series(1, 5000)")
    shop.push("1.1.0", NEW, 3)

    def die(_: object) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        migrate(shop.work("1.1.0", Listener(on_progress=die)))
    found = shown(shop)
    assert (found["phase"], found["revision"]) == ("migrate", "r2")
    assert "public.orders.status" in found["stopped"]
    assert found["rows done"] > 0
    begin_quarantine(shop.work("1.1.0").target, Held("public", "orders", "state"), [shop.role], 9)
    assert "public.orders.state: open until " in shown(shop)["quarantine"]


def test_sensor_reports_a_service_when_something_is_new_and_only_then(
    shop: Shop, storage: dg.DagsterInstance
) -> None:
    assert isinstance(tick(shop, storage)[0], dg.SkipReason)
    shop.migrated(50)
    first, cursor = tick(shop, storage)
    (event,) = first.asset_events
    assert (event.partition, event.asset_key) == (SERVICE, dg.AssetKey("migration_state"))
    again, cursor = tick(shop, storage, cursor)
    assert isinstance(again, dg.SkipReason)
    shop.live("1.0.1", shop.push("1.0.1", OLD, 4), OLD)
    changed, _ = tick(shop, storage, cursor)
    assert changed.asset_events[0].metadata["still needed by"].value == 1


def test_a_database_that_does_not_answer_is_shown_as_it_was_last_seen(
    shop: Shop, storage: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.migrated(50)
    _, cursor = tick(shop, storage)
    monkeypatch.setenv("SHOP_URL", "postgresql://postgres@127.0.0.1:9/none")
    found, _ = tick(shop, storage, cursor)
    metadata = found.asset_events[0].metadata
    assert metadata["revision"].value == "r3"
    assert "did not answer" in metadata["next drop"].value
    assert "does not answer" in metadata["who needs what"].value


def test_data_version_is_the_revision(shop: Shop) -> None:
    shop.migrated(5)
    shown(shop)
    (found,) = read_migrations(shop.world.parts)
    assert materialization(found).tags == {"dagster/data_version": "r3"}
    assert read_migrations(shop.world.parts, service="another") == []
