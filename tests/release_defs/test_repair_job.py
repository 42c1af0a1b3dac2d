"""The job `repair`: a dry run by default, a table of what was done, red for what was not."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from davylamp.fleet.protocol import StartOrder
from davylamp.judge.sample import Role
from davylamp.ledger import evidence, inventory
from davylamp.ledger.session import Ledger
from davylamp.rollout.engine import Engine
from davylamp.rollout.parts import Parts
from release_defs.jobs.repair import repair
from sensors.names import OUTCOME_TAG
from tests.release_defs.world import SERVICE, World, know_builds, make_world

pytestmark = pytest.mark.server

STABLE, OLD = (f"sha256:{digit * 64}" for digit in "12")
Launch = Callable[..., dg.ExecuteInProcessResult]


@pytest.fixture
def world(ledger: Ledger, tmp_path: Path) -> World:
    """Two copies of the stable build, and an eighth server that somebody forgot."""
    found = make_world(ledger, tmp_path)
    names = {"a": STABLE, "b": STABLE, "forgotten": OLD}
    for name, digest in names.items():
        order = StartOrder((name,), SERVICE, f"x@{digest}", digest, Role.STABLE, 0)
        found.copies.start(order)
    with ledger.begin() as db:
        know_builds(db, SERVICE, {OLD: "1.0.0", STABLE: "1.1.0"})
        inventory.set_stable(
            db, SERVICE, digest=STABLE, version="1.1.0", image=f"x@{STABLE}", release_id=1
        )
        db.exec_driver_sql(_RELEASE)
    return found


_RELEASE = """
INSERT INTO releases (service, image, state, plan, entry, seed, requested_by, ended_at)
VALUES ('checkout', '1.1.0', 'promoted', '{}', '{}', 1, 'ana', clock_timestamp())
"""


@pytest.fixture
def run(world: World) -> Iterator[Launch]:
    class OurEngine(Engine):
        @contextmanager
        def parts(self) -> Iterator[Parts]:
            yield replace(world.parts)

    with dg.DagsterInstance.ephemeral() as storage:

        def start(**config: object) -> dg.ExecuteInProcessResult:
            return repair.execute_in_process(
                run_config=config,
                resources={"engine": OurEngine(), "io_manager": dg.mem_io_manager},
                instance=storage,
                raise_on_error=False,
            )

        yield start


def said(result: dg.ExecuteInProcessResult) -> dict[str, Any]:
    for event in result.all_events:
        if event.is_step_failure:
            return dict(event.step_failure_data.user_failure_data.metadata)
    (found,) = [e for e in result.all_events if e.is_successful_output]
    return dict(found.event_specific_data.metadata)


def failure(result: dg.ExecuteInProcessResult) -> str:
    return result.failure_data_for_node("repair_findings").user_failure_data.description or ""


def test_without_a_word_it_only_shows_what_it_would_do(run: Launch, world: World) -> None:
    result = run()
    assert result.success
    assert said(result)["result"].value == "1 planned"
    (row,) = said(result)["repairs"].records
    assert (row.data["code"], row.data["where"]) == ("stale_instance", "forgotten")
    assert "forgotten" in world.copies.running
    assert result.dagster_run.tags.get(OUTCOME_TAG) in (None, "dry run")


def test_it_is_done_when_asked_and_the_next_look_finds_nothing(run: Launch, world: World) -> None:
    result = run(code="stale_instance", dry_run=False)
    assert result.success, failure(result)
    assert said(result)["result"].value == "1 done"
    assert set(world.copies.running) == {"a", "b"}
    assert said(run(dry_run=False))["result"].value == "nothing to repair"


def test_what_could_not_be_done_ends_red_with_the_table(run: Launch, world: World) -> None:
    world.copies.stop(["a", "b"])
    with world.parts.ledger.begin() as db:
        evidence.mark_bad(db, SERVICE, STABLE, "it failed")
    result = run(instance="forgotten", dry_run=False)
    assert not result.success
    assert "1 of 1 were not repaired" in failure(result)
    assert said(result)["repairs"].records[0].data["state"] == "refused"
    assert "forgotten" in world.copies.running


def test_what_somebody_answers_for_is_left_alone(run: Launch, world: World, tmp_path: Path) -> None:
    file = tmp_path / "waivers.yaml"
    file.write_text(
        "waivers:\n- {code: stale_instance, service: checkout, instance: forgotten, owner: ana, "
        "reason: evidence, expires: 2099-01-01}\n"
    )
    settings = world.parts.settings.model_copy(update={"waivers_file": file})
    world.parts = replace(world.parts, settings=settings)
    result = run(dry_run=False)
    assert said(result)["waived"].value == "forgotten"
    assert "forgotten" in world.copies.running


@pytest.mark.parametrize(
    ("config", "why"),
    [
        ({"code": "stale"}, "stale_instance"),
        ({"service": "chekout"}, "checkout"),
        ({"instance": "eighth"}, "forgotten"),
    ],
)
def test_a_slip_of_the_pen_is_said(run: Launch, config: dict[str, str], why: str) -> None:
    result = run(**config)
    assert "there is none of that name" in failure(result)
    assert why in failure(result)


def test_a_wrong_kind_of_value_is_refused_before_a_run_exists() -> None:
    with pytest.raises(Exception, match="dry_run"):
        dg.validate_run_config(repair, {"dry_run": "perhaps"})
