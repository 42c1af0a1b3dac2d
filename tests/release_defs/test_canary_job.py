"""The whole job in one process: real ledger, real registry, and the world of `world.py`."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import dagster as dg
import pytest

from davylamp.builds.contract import Contract
from davylamp.ledger import evidence, inventory, releases, routes
from davylamp.ledger.instance import InstanceState
from davylamp.ledger.models import ReleaseState
from davylamp.ledger.releases import Release
from davylamp.ledger.session import Ledger
from davylamp.rollout import operate
from davylamp.rollout.engine import Engine
from davylamp.rollout.parts import Parts
from release_defs.jobs.canary import release_canary
from sensors.names import NEW_IMAGE, OUTCOME_TAG, SERVICE_TAG, SKIPPED
from tests.release_defs.world import SERVICE, World, make_world
from tests.report.reading import Page, check

pytestmark = pytest.mark.server


@pytest.fixture
def world(ledger: Ledger, tmp_path: Path) -> Iterator[World]:
    made = make_world(ledger, tmp_path)
    with made.turning():
        yield made


@pytest.fixture
def storage() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as instance:
        yield instance


_STEPPING = "shift_traffic"
Launch = Callable[..., dg.ExecuteInProcessResult]


@pytest.fixture
def launch(world: World, storage: dg.DagsterInstance) -> Launch:
    class WorldEngine(Engine):
        @contextmanager
        def parts(self) -> Iterator[Parts]:
            yield world.parts

        @contextmanager
        def ledger(self) -> Iterator[Ledger]:
            yield world.parts.ledger

    def start(image: str, service: str = SERVICE, **more: object) -> dg.ExecuteInProcessResult:
        return release_canary.execute_in_process(
            run_config={"service": service, "image": image, **more},
            resources={"engine": WorldEngine(), "io_manager": dg.mem_io_manager},
            instance=storage,
            raise_on_error=False,
        )

    return start


@pytest.fixture
def stable(world: World, launch: Launch) -> str:
    """A first release that went well; returns its digest."""
    digest = world.push("1.0.0")
    assert launch("1.0.0").success
    return digest


def last_release(world: World) -> Release:
    with world.parts.ledger.begin() as db:
        return releases.recent_releases(db, SERVICE, 1)[0]


def run_tags(storage: dg.DagsterInstance, result: dg.ExecuteInProcessResult) -> dict[str, str]:
    return dict(storage.get_run_by_id(result.run_id).tags)


def ops_that_ran(result: dg.ExecuteInProcessResult) -> set[str]:
    return {e.step_key for e in result.all_events if e.is_step_success or e.is_step_failure}


def metadata_of(result: dg.ExecuteInProcessResult, op: str) -> dict[str, object]:
    """What an op attached to its output, or to its failure."""
    for event in result.all_events:
        if event.step_key == op and event.is_step_failure:
            return dict(event.step_failure_data.user_failure_data.metadata)
    found = next(e for e in result.all_events if e.step_key == op and e.is_successful_output)
    return dict(found.event_specific_data.metadata)


def test_first_release_of_a_service_goes_straight_to_promoted(
    world: World, launch: Launch, storage: dg.DagsterInstance
) -> None:
    digest = world.push("1.0.0")

    result = launch("1.0.0")

    assert result.success
    assert run_tags(storage, result)[OUTCOME_TAG] == "promoted"
    assert run_tags(storage, result)[SERVICE_TAG] == SERVICE
    with world.parts.ledger.begin() as db:
        assert inventory.live_service(db, SERVICE).stable_digest == digest


def test_promoted_release_reports_the_live_version_of_its_service(
    world: World, launch: Launch, stable: str, storage: dg.DagsterInstance
) -> None:
    event = storage.get_latest_materialization_event(dg.AssetKey("live_version"))

    assert event.asset_materialization.partition == SERVICE
    found = event.asset_materialization.metadata
    assert found["version"].value == "1.0.0"
    assert found["digest"].value == stable
    assert found["instances ready"].value == 2
    assert storage.get_dynamic_partitions("services") == [SERVICE]


def test_sensor_begins_no_release_of_a_build_that_was_rolled_back_when_asked_for_by_hand(
    world: World, launch: Launch, stable: str, storage: dg.DagsterInstance
) -> None:
    digest = world.push("1.1.0")
    world.copies.state = InstanceState.FAILED
    launch("1.1.0")
    world.copies.state = InstanceState.READY
    by_hand = last_release(world)

    result = launch(f"1.1.0@{digest}", requested_by=NEW_IMAGE)

    assert result.success
    assert ops_that_ran(result) == {"verify_build"}
    assert run_tags(storage, result)[OUTCOME_TAG] == SKIPPED
    assert (by_hand.state, last_release(world).id) == (ReleaseState.ROLLED_BACK, by_hand.id)


def test_person_may_have_a_build_released_again_that_was_rolled_back(
    world: World, launch: Launch, stable: str
) -> None:
    digest = world.push("1.1.0")
    world.copies.state = InstanceState.FAILED
    launch(f"1.1.0@{digest}", requested_by=NEW_IMAGE)
    world.copies.state = InstanceState.READY

    assert launch("1.1.0").success

    assert last_release(world).state is ReleaseState.PROMOTED


def said_of_the_verdict(result: dg.ExecuteInProcessResult, kind: str) -> list[dg.DagsterEvent]:
    """Events of the asset `verdict`, oldest first."""
    events = [e for e in result.all_events if e.event_type_value == kind]
    return [e for e in events if e.asset_key == dg.AssetKey("verdict")]


def page_of(metadata: Mapping[str, dg.MetadataValue]) -> Page:
    """The page that is linked."""
    return check(Path(str(metadata["page"].value)).read_text(encoding="utf-8"))


def test_healthy_candidate_is_promoted_with_its_evidence(
    world: World, launch: Launch, stable: str, storage: dg.DagsterInstance
) -> None:
    world.push("1.1.0")

    result = launch("1.1.0")

    assert result.success
    assert "roll_back_release" not in ops_that_ran(result)
    assert last_release(world).state is ReleaseState.PROMOTED
    found = metadata_of(result, "confirm_release")
    assert found["outcome"].value == "promoted"
    assert found["candidate requests"].value > 0
    assert len(found["verdict"].records) > 1
    assert "data:image/png;base64" in found["plots"].value
    assert "1.1.0 promoted" in page_of(found).words
    assert next(iter(found)) == "outcome"
    assert found["judge"].value == "sequential says PROMOTE"
    shifted = metadata_of(result, "shift_traffic")
    assert list(shifted)[:4] == ["decision", "reason", "outcome", "judge"]
    assert {"headline", "evidence of harm", "missing", "other judges", "verdict"} <= set(shifted)
    (last,) = said_of_the_verdict(result, "ASSET_MATERIALIZATION")
    assert last.partition == SERVICE
    assert last.step_materialization_data.materialization.metadata["outcome"].value == "promoted"


def test_release_under_way_is_shown_with_figures_table_and_plots(
    world: World, launch: Launch, stable: str, storage: dg.DagsterInstance
) -> None:
    seen: list[int] = []
    watching = threading.Thread(target=_look_while_it_runs, args=(world, storage, seen))
    world.push("1.1.0")
    watching.start()

    result = launch("1.1.0")

    watching.join()
    events = said_of_the_verdict(result, "ASSET_OBSERVATION")
    shown = [e.event_specific_data.asset_observation for e in events if e.step_key == _STEPPING]
    assert {one.partition for one in shown} == {SERVICE}
    assert shown[-1].metadata["candidate requests"].value > 0
    assert len(shown[-1].metadata["verdict"].records) > 1
    assert any("plots" in one.metadata for one in shown)
    assert seen, "nothing was shown before the release had ended"


def test_failing_candidate_is_rolled_back_and_the_run_fails_at_its_last_op(
    world: World, launch: Launch, stable: str, storage: dg.DagsterInstance
) -> None:
    world.push("1.1.0")
    world.failing = 0.3

    result = launch("1.1.0")

    assert not result.success
    failed = {e.step_key for e in result.all_events if e.is_step_failure}
    assert failed == {"release_rejected"}
    assert "promote_release" not in ops_that_ran(result)
    assert run_tags(storage, result)[OUTCOME_TAG] == "rolled_back"
    assert metadata_of(result, "release_rejected")["outcome"].value == "rolled_back"
    found = metadata_of(result, "roll_back_release")
    assert found["candidate failed %"].value == pytest.approx(30, abs=1)
    assert "plots" in found
    page = page_of(found)
    assert "1.1.0 rolled back" in page.words
    assert len(page.all("img")) == 4
    assert all(copy.digest == stable for copy in world.copies.instances())


def test_held_release_waits_for_a_person_who_promotes_it(
    world: World, launch: Launch, stable: str
) -> None:
    world.push("1.1.0")
    operator = threading.Thread(target=_hold_then_promote, args=(world,))
    operator.start()

    result = launch("1.1.0")

    operator.join()
    assert result.success
    assert {"hold_release", "promote_release"} <= ops_that_ran(result)
    assert last_release(world).state is ReleaseState.PROMOTED


def test_rollback_by_hand_ends_the_run_as_rolled_back(
    world: World, launch: Launch, stable: str
) -> None:
    world.push("1.1.0")
    operator = threading.Thread(target=_roll_back, args=(world,))
    operator.start()

    result = launch("1.1.0")

    operator.join()
    assert not result.success
    assert last_release(world).state is ReleaseState.ROLLED_BACK
    assert "by somebody" in last_release(world).reason


def test_cancelled_run_takes_its_release_back(
    world: World, launch: Launch, stable: str, storage: dg.DagsterInstance
) -> None:
    world.push("1.1.0")
    canceller = threading.Thread(target=_interrupt_when_users_meet_it, args=(world,))
    canceller.start()

    result = launch("1.1.0")

    canceller.join()
    assert not result.success
    assert run_tags(storage, result)[OUTCOME_TAG] == "rolled_back"
    ended = last_release(world)
    assert ended.state is ReleaseState.ROLLED_BACK
    assert "cancelled" in ended.reason
    assert all(copy.digest == stable for copy in world.copies.instances())
    with world.parts.ledger.begin() as db:
        assert routes.read_route(db, SERVICE).candidate_share == 0


def test_copy_that_does_not_start_fails_the_op_that_started_it(
    world: World, launch: Launch, stable: str, storage: dg.DagsterInstance
) -> None:
    world.push("1.1.0")
    world.copies.state = InstanceState.FAILED

    result = launch("1.1.0")

    assert {e.step_key for e in result.all_events if e.is_step_failure} == {"start_instances"}
    assert "never listened" in metadata_of(result, "start_instances")["reason"].value
    assert run_tags(storage, result)[OUTCOME_TAG] == "rolled_back"
    assert {copy.digest for copy in world.copies.instances()} == {stable}


def test_unknown_service_is_refused_with_those_that_exist(
    world: World, launch: Launch, storage: dg.DagsterInstance
) -> None:
    result = launch("1.0.0", service="chekout")

    message = result.failure_data_for_node("verify_build").user_failure_data.description
    assert "chekout" in message
    assert "it has: checkout" in message
    assert run_tags(storage, result)[OUTCOME_TAG] == "refused"


def test_empty_image_is_refused_and_no_release_is_opened(world: World, launch: Launch) -> None:
    result = launch("  ")

    assert "no image" in result.failure_data_for_node("verify_build").user_failure_data.description
    with world.parts.ledger.begin() as db:
        assert releases.recent_releases(db, SERVICE) == []


def test_version_that_does_not_exist_is_refused_in_the_ledger(
    world: World, launch: Launch, storage: dg.DagsterInstance
) -> None:
    world.push("1.0.0")

    result = launch("9.9.9")

    assert last_release(world).state is ReleaseState.REFUSED
    assert "1.0.0" in last_release(world).reason
    assert run_tags(storage, result)[OUTCOME_TAG] == "refused"


def test_request_that_cannot_be_begun_is_answered(world: World, launch: Launch) -> None:
    with world.parts.ledger.begin() as db:
        request = evidence.ask_for_release(db, "chekout", "1.0.0", by="somebody")

    launch("1.0.0", service="chekout", request_id=request)

    with world.parts.ledger.begin() as db:
        assert "chekout" in (evidence.get_request(db, request).refused_reason or "")


def test_leftover_instance_is_named_and_the_run_is_not_green(
    world: World, launch: Launch, stable: str, storage: dg.DagsterInstance
) -> None:
    world.push("1.1.0")
    eighth = world.copies.instances()[0]
    world.copies.running["the-eighth"] = type(eighth)(
        **{**vars(eighth), "id": "the-eighth", "digest": "sha256:" + "8" * 64, "release_id": 0}
    )
    with world.parts.ledger.begin() as db:
        evidence.record_build(
            db,
            service=SERVICE,
            digest="sha256:" + "8" * 64,
            repository=f"shop/{SERVICE}",
            version="0.9.0",
            contract={},
            signed_by="",
        )

    result = launch("1.1.0")

    assert {e.step_key for e in result.all_events if e.is_step_failure} == {"confirm_release"}
    assert run_tags(storage, result)[OUTCOME_TAG] == "unconfirmed"
    assert "the-eighth" in metadata_of(result, "confirm_release")["reason"].value


def test_candidate_that_writes_what_the_live_build_cannot_read_is_refused_and_never_starts(
    world: World, launch: Launch, storage: dg.DagsterInstance
) -> None:
    old = world.push("1.0.0", Contract(reads_values={"orders.status": ("open", "paid")}))
    assert launch("1.0.0").success
    new = world.push("1.1.0", Contract(writes_values={"orders.status": ("open", "refunded")}))

    result = launch("1.1.0")

    assert {e.step_key for e in result.all_events if e.is_step_failure} == {"guard_contracts"}
    ended = last_release(world)
    assert (ended.state, ended.digest) == (ReleaseState.REFUSED, new)
    assert "it writes orders.status = 'refunded'" in ended.reason
    assert run_tags(storage, result)[OUTCOME_TAG] == "refused"
    assert {copy.digest for copy in world.copies.instances()} == {old}


@pytest.mark.parametrize("met_users", [False, True])
def test_build_that_appears_after_the_guard_keeps_the_share_from_being_raised(
    world: World, launch: Launch, stable: str, met_users: bool
) -> None:
    world.push("1.1.0")
    intruder = threading.Thread(target=_intrude, args=(world, stable, met_users))
    intruder.start()

    result = launch("1.1.0")

    intruder.join()
    assert not result.success
    ended = last_release(world)
    assert ended.state is ReleaseState.ROLLED_BACK
    assert "1.1.0 can't run beside sha256:8888" in ended.reason
    assert (ended.traffic_at is not None) == met_users
    with world.parts.ledger.begin() as db:
        said = [event.message for event in releases.events_of(db, ended.id)]
    assert not any("stable build now" in text for text in said)


def _intrude(world: World, stable: str, once_users_met_it: bool) -> None:
    """A copy that no release started, of a build the ledger doesn't know: while the candidate
    starts, or while users meet it."""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        candidates = [c for c in world.copies.instances() if c.digest != stable]
        if candidates:
            break
        time.sleep(0.005)
    if once_users_met_it:
        _wait_for_users(world)
    foreign = replace(candidates[0], id="foreign", digest="sha256:" + "8" * 64, release_id=0)
    world.copies.running["foreign"] = foreign


def _wait_for_users(world: World) -> None:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        with world.parts.ledger.begin() as db:
            if any(r.traffic_at for r in releases.active_releases(db)):
                return
        time.sleep(0.05)


def _look_while_it_runs(world: World, storage: dg.DagsterInstance, seen: list[int]) -> None:
    """Ask Dagster, as the UI does, what is known of the verdict while users meet the candidate."""
    _wait_for_users(world)
    wanted = dg.AssetRecordsFilter(asset_key=dg.AssetKey("verdict"))
    deadline = time.monotonic() + 60
    while not seen and time.monotonic() < deadline:
        with world.parts.ledger.begin() as db:
            under_way = bool(releases.active_releases(db))
        shown = storage.fetch_observations(wanted, limit=5).records
        seen.extend(record.storage_id for record in shown if under_way)
        time.sleep(0.05)


def _hold_then_promote(world: World) -> None:
    _wait_for_users(world)
    operate.hold(world.parts.ledger, SERVICE, "somebody", "lunch")
    deadline = time.monotonic() + 30
    while last_release(world).state is not ReleaseState.HELD and time.monotonic() < deadline:
        time.sleep(0.05)
    operate.promote(world.parts.ledger, SERVICE, "somebody", "looks fine")


def _roll_back(world: World) -> None:
    _wait_for_users(world)
    operate.roll_back(world.parts.ledger, SERVICE, "somebody", "I don't like it")


def _interrupt_when_users_meet_it(world: World) -> None:
    _wait_for_users(world)
    os.kill(os.getpid(), signal.SIGINT)
