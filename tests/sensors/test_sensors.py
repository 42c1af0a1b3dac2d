"""The sensors as Dagster calls them: real ledger, real registry in a folder."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import dagster as dg
import pytest

from davylamp.catalog.model import Catalog
from davylamp.ledger import evidence, inventory, releases, routes
from davylamp.ledger.instance import Instance
from davylamp.ledger.models import ReleaseState
from davylamp.ledger.session import Ledger
from davylamp.rollout.engine import Engine
from davylamp.rollout.parts import Parts
from davylamp.settings import Settings
from release_defs.definitions import defs
from sensors.ended_run import cancelled_run
from sensors.names import SERVICE_TAG
from sensors.new_image import new_image
from sensors.orphaned_release import orphaned_release
from sensors.release_requests import release_requests

pytestmark = pytest.mark.server

DOWN = "postgresql+psycopg://postgres@127.0.0.1:9/none"


class Fleet:
    """Implements `Platform`: shows what a test says is there."""

    def __init__(self) -> None:
        self.copies: list[Instance] = []

    def start(self, order: object) -> None:
        raise AssertionError("a sensor starts nothing")

    def stop(self, ids: list[str], grace_seconds: float = 10.0) -> None:
        self.copies = [copy for copy in self.copies if copy.id not in ids]

    def instances(self) -> list[Instance]:
        return self.copies


@pytest.fixture
def fleet() -> Fleet:
    return Fleet()


@pytest.fixture
def make_engine(
    shelf, ledger: Ledger, fleet: Fleet, make_catalog: Callable[..., Catalog], tmp_path: Path
) -> Callable[..., Engine]:
    def make(*names: str, registry: str = shelf.url, down: bool = False) -> Engine:
        catalog = make_catalog(*names)
        settings = Settings(home=tmp_path, registry_url=registry, confirm_seconds=1)
        opened = Ledger.connect(DOWN) if down else ledger

        class TestEngine(Engine):
            def settings(self) -> Settings:
                return settings

            def catalog(self) -> Catalog:
                return catalog

            @contextmanager
            def ledger(self) -> Iterator[Ledger]:
                yield opened

            @contextmanager
            def parts(self) -> Iterator[Parts]:
                yield Parts(settings, opened, fleet, catalog)

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


def test_new_image_asks_for_a_run_by_digest(shelf, make_engine) -> None:
    digest = shelf.push("checkout", "1.0.0")

    result = tick(new_image, make_engine("checkout"))

    (request,) = result.run_requests
    assert request.run_key == f"checkout@{digest}"
    assert request.tags[SERVICE_TAG] == "checkout"
    assert request.run_config["service"] == "checkout"
    assert request.run_config["image"] == f"1.0.0@{digest}"
    assert json.loads(result.cursor)["checkout"][0] == "1.0.0"


def test_new_image_leaves_alone_what_the_ledger_calls_stable(
    shelf, make_engine, ledger: Ledger
) -> None:
    digest = shelf.push("checkout", "1.0.0")
    with ledger.begin() as db:
        inventory.set_stable(
            db, "checkout", digest=digest, version="1.0.0", image="x", release_id=1
        )

    result = tick(new_image, make_engine("checkout"))

    assert not result.run_requests
    assert "nothing new" in result.skip_reason.skip_message


def test_new_image_says_which_registry_is_down_and_keeps_its_cursor(make_engine) -> None:
    cursor = json.dumps({"checkout": ["1.0.0", "sha256:" + "a" * 64]}, separators=(",", ":"))

    result = tick(new_image, make_engine("checkout", registry="http://127.0.0.1:9"), cursor)

    assert "http://127.0.0.1:9" in result.skip_reason.skip_message
    assert result.cursor == cursor


def test_new_image_skips_when_no_registry_is_known(make_engine) -> None:
    result = tick(new_image, make_engine("checkout", registry=""))

    assert isinstance(result, dg.SkipReason)
    assert "registry_url" in result.skip_message


def test_new_image_names_a_moved_tag_and_asks_for_nothing(shelf, make_engine) -> None:
    shelf.push("checkout", "1.0.0")
    engine = make_engine("checkout")
    first = tick(new_image, engine)
    shelf.push("checkout", "1.0.0", "something else", move=True)

    second = tick(new_image, engine, first.cursor)

    assert not second.run_requests
    assert "tag moved to another digest" in second.skip_reason.skip_message


def test_new_image_waits_for_the_ledger_before_it_deploys_what_it_never_saw(
    shelf, make_engine
) -> None:
    shelf.push("checkout", "1.0.0")

    result = tick(new_image, make_engine("checkout", down=True))

    assert isinstance(result, dg.SkipReason)  # which leaves the cursor as it was
    assert "ledger" in (result.skip_message or "")


def test_what_is_pushed_during_a_freeze_is_released_after_it(
    shelf, make_engine, ledger: Ledger
) -> None:
    shelf.push("checkout", "1.0.0")
    engine = make_engine("checkout")
    with ledger.begin() as db:
        inventory.set_freeze(db, "checkout", "audit week")
    frozen = tick(new_image, engine)
    assert not frozen.run_requests
    with ledger.begin() as db:
        inventory.set_freeze(db, "checkout", None)
    thawed = tick(new_image, engine, frozen.cursor)
    assert [one.tags["davylamp/service"] for one in thawed.run_requests] == ["checkout"]


def test_requests_become_runs_once(make_engine, ledger: Ledger) -> None:
    with ledger.begin() as db:
        first = evidence.ask_for_release(db, "checkout", "1.0.0", by="somebody")
        second = evidence.ask_for_release(db, "cart", "2.0.0", by="somebody")
    engine = make_engine("checkout", "cart")

    result = tick(release_requests, engine)
    again = tick(release_requests, engine, result.cursor)

    assert [one.run_key for one in result.run_requests] == [f"request:{first}", f"request:{second}"]
    assert result.run_requests[0].run_config["request_id"] == first
    assert isinstance(again, dg.SkipReason)


def test_answered_requests_start_nothing(make_engine, ledger: Ledger) -> None:
    with ledger.begin() as db:
        request = evidence.ask_for_release(db, "checkout", "1.0.0", by="somebody")
        evidence.answer_request(db, request, refused="no")

    assert isinstance(tick(release_requests, make_engine("checkout")), dg.SkipReason)


def test_ledger_that_is_down_makes_sensors_skip_and_say_so(make_engine) -> None:
    engine = make_engine("checkout", down=True)

    for sensor in (release_requests, orphaned_release):
        assert "does not answer" in tick(sensor, engine).skip_message


def _open_release(ledger: Ledger, run_id: str, lease_seconds: float = 15) -> int:
    with ledger.begin() as db:
        release = releases.open_release(
            db,
            service="checkout",
            image="1.0.0",
            plan={},
            entry={},
            seed=1,
            requested_by="somebody",
            run_id=run_id,
        )
        routes.take_route(db, "checkout", release.id, 1, lease_seconds)
    return release.id


def test_cancelled_run_ends_its_release_at_once(
    make_engine, ledger: Ledger, storage: dg.DagsterInstance
) -> None:
    @dg.job(name="release_canary")
    def release() -> None: ...

    run = storage.create_run_for_job(release, status=dg.DagsterRunStatus.CANCELED)
    release_id = _open_release(ledger, run.run_id)
    event = dg.DagsterEvent(dg.DagsterEventType.PIPELINE_CANCELED.value, "release_canary")
    context = dg.build_run_status_sensor_context(
        sensor_name="cancelled_run",
        dagster_instance=storage,
        dagster_run=run,
        dagster_event=event,
    )

    cancelled_run(context, engine=make_engine("checkout"))

    with ledger.begin() as db:
        ended = releases.get_release(db, release_id)
    assert ended.state is ReleaseState.ABANDONED
    assert "run" in ended.reason


def test_cancelled_before_it_began_answers_the_request(
    make_engine, ledger: Ledger, storage: dg.DagsterInstance
) -> None:
    @dg.job(name="release_canary")
    def release() -> None: ...

    with ledger.begin() as db:
        request = evidence.ask_for_release(db, "checkout", "1.0.0", by="somebody")
    run = storage.create_run_for_job(release, run_config={}, status=dg.DagsterRunStatus.CANCELED)
    run = run._replace(run_config={"request_id": request})
    event = dg.DagsterEvent(dg.DagsterEventType.PIPELINE_CANCELED.value, "release_canary")
    context = dg.build_run_status_sensor_context(
        sensor_name="cancelled_run",
        dagster_instance=storage,
        dagster_run=run,
        dagster_event=event,
    )

    cancelled_run(context, engine=make_engine("checkout"))

    with ledger.begin() as db:
        assert "was cancelled" in (evidence.get_request(db, request).refused_reason or "")
