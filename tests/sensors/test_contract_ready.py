"""Drops that begin by themselves, and those that wait: real ledger, real database."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import dagster as dg
import psycopg
import pytest

from davylamp.ledger.session import Ledger
from davylamp.rollout.engine import Engine
from davylamp.rollout.parts import Parts
from release_defs.definitions import defs
from sensors.contract_ready import contract_ready
from sensors.names import DATABASE_TAG, REVISION_TAG
from tests.release_defs.shop import DATABASE, OLD, Shop, open_shop
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
        yield instance


@pytest.fixture
def tick(shop: Shop, storage: dg.DagsterInstance) -> Callable[..., dg.SensorResult]:
    class ShopEngine(Engine):
        @contextmanager
        def parts(self) -> Iterator[Parts]:
            yield replace(shop.world.parts)

    def look(cursor: str | None = None) -> dg.SensorResult:
        context = dg.build_sensor_context(
            cursor=cursor, instance=storage, repository_def=defs.get_repository_def()
        )
        return contract_ready(context, engine=ShopEngine())

    return look


def a_run(
    storage: dg.DagsterInstance, request: dg.RunRequest, status: dg.DagsterRunStatus
) -> dg.DagsterRun:
    """As the daemon makes one of a request."""

    @dg.job(name="schema_change")
    def job() -> None: ...

    return storage.create_run_for_job(job, status=status, tags=dict(request.tags))


def told(result: dg.SensorResult) -> dict[str, str]:
    return json.loads(result.cursor)["told"]


def test_where_no_drop_is_next_nothing_is_done(shop: Shop, tick: Any) -> None:
    result = tick()
    assert not result.run_requests
    assert result.skip_reason.skip_message == "no drop is next"


def test_a_drop_nobody_needs_becomes_a_run_of_its_database(shop: Shop, tick: Any) -> None:
    shop.migrated(5)

    (request,) = tick().run_requests

    assert request.run_key == f"contract:{DATABASE}:r4:first"
    assert request.run_config == {"service": SERVICE, "phase": "contract", "revision": "r4"}
    assert (request.tags[DATABASE_TAG], request.tags[REVISION_TAG]) == (DATABASE, "r4")


def test_while_somebody_needs_it_the_cursor_says_who(shop: Shop, tick: Any) -> None:
    shop.migrated(5)
    shop.live("1.0.1", shop.push("1.0.1", OLD, 4), OLD)

    first = tick()
    again = tick(first.cursor)

    assert not first.run_requests
    assert "checkout 1.0.1" in told(first)[DATABASE]
    assert told(again) == told(first)
    with psycopg.connect(shop.url, application_name="report"):
        assert "client 'report'" in told(tick(again.cursor))[DATABASE]


def test_no_two_runs_change_a_database_at_once(
    shop: Shop, tick: Any, storage: dg.DagsterInstance
) -> None:
    shop.migrated(5)
    (request,) = tick().run_requests
    a_run(storage, request, dg.DagsterRunStatus.STARTED)

    assert "already" in told(tick())[DATABASE]


def test_one_that_failed_is_tried_again_later_and_not_every_half_minute(
    shop: Shop, tick: Any, storage: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.migrated(5)
    (request,) = tick().run_requests
    failed = a_run(storage, request, dg.DagsterRunStatus.FAILURE)
    assert "again in 5 min" in told(tick())[DATABASE]

    monkeypatch.setattr("sensors.tried_before.FIRST_SECONDS", 0.0)
    (later,) = tick().run_requests
    assert later.run_key == f"contract:{DATABASE}:r4:{failed.run_id}"

    shop.work().note("contract_stopped", "somebody misses it", "r4")
    assert "again in 60 min" in told(tick())[DATABASE]


def test_one_that_a_person_cancelled_is_left_to_people(
    shop: Shop, tick: Any, storage: dg.DagsterInstance
) -> None:
    shop.migrated(5)
    (request,) = tick().run_requests
    a_run(storage, request, dg.DagsterRunStatus.CANCELED)

    assert "by hand" in told(tick())[DATABASE]


def test_a_database_that_does_not_answer_drops_nothing(
    shop: Shop, tick: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.migrated(5)
    monkeypatch.setenv("SHOP_URL", "postgresql://postgres@127.0.0.1:9/none")

    result = tick()

    assert not result.run_requests
    assert "does not answer" in told(result)[DATABASE]


def test_a_ledger_that_does_not_answer_drops_nothing(
    shop: Shop, tick: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    down = Ledger.connect("postgresql+psycopg://postgres@127.0.0.1:9/none")
    monkeypatch.setattr(shop.world, "parts", replace(shop.world.parts, ledger=down))

    assert isinstance(tick(), dg.SkipReason)
