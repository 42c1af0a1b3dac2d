"""The job `tidy`: real ledger, Dagster's runs on PostgreSQL."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import dagster as dg
import psycopg
import pytest
from sqlalchemy import insert, update

from davylamp.ledger import releases
from davylamp.ledger.models import InstanceRow, ReleaseRow, ServiceRow
from davylamp.ledger.releases import DATABASE_NOW
from davylamp.ledger.session import Ledger
from davylamp.rollout.engine import Engine
from davylamp.settings import Settings
from release_defs.jobs.tidy import tidy
from release_defs.ops import old_runs
from sensors.names import AUDIT_JOB, RELEASE_JOB
from sensors.tidy_schedule import tidy_schedule

pytestmark = pytest.mark.server

Run = Callable[..., str]


@dg.asset
def thing() -> None: ...


@dg.asset_check(asset=thing)
def thing_is_fine() -> dg.AssetCheckResult:
    return dg.AssetCheckResult(passed=True)


@dg.job(name=RELEASE_JOB)
def a_release() -> None:
    @dg.op
    def act() -> None: ...

    act()


_audit = dg.Definitions(
    assets=[thing],
    asset_checks=[thing_is_fine],
    jobs=[dg.define_asset_job(AUDIT_JOB, selection="*")],
    executor=dg.in_process_executor,
)


@pytest.fixture
def storage() -> Callable[..., list[tuple[object, ...]]]:
    def ask(query: str, *values: object) -> list[tuple[object, ...]]:
        url = os.environ["DAVYLAMP_DAGSTER_STORAGE_URL"].replace("+psycopg2", "")
        with psycopg.connect(url, autocommit=True) as db:
            found = db.execute(query, values)
            return found.fetchall() if found.description else []

    return ask


@pytest.fixture
def run(instance: dg.DagsterInstance, storage) -> Run:
    """Executes a run and makes it some days old; its id."""

    def execute(job: str, days_ago: float) -> str:
        made = a_release if job == RELEASE_JOB else _audit.resolve_job_def(job)
        run_id = made.execute_in_process(instance=instance).run_id
        age = "UPDATE runs SET update_timestamp = update_timestamp - %s * interval '1 day'"
        storage(f"{age} WHERE run_id = %s", days_ago, run_id)
        return run_id

    return execute


@pytest.fixture
def tidied(ledger: Ledger, instance: dg.DagsterInstance) -> Callable[[], dict[str, object]]:
    """Runs the job; what its ops say they did."""

    class TestEngine(Engine):
        def settings(self) -> Settings:
            return Settings(keep_frequent_runs_days=2, keep_runs_days=30)

        @contextmanager
        def ledger(self) -> Iterator[Ledger]:
            yield ledger

    def act() -> dict[str, object]:
        done = tidy.execute_in_process(instance=instance, resources={"engine": TestEngine()})
        outputs = [e for e in done.all_events if e.is_successful_output]
        found = [e.event_specific_data.metadata.items() for e in outputs]
        return {name: one.value for metadata in found for name, one in metadata}

    return act


def left(instance: dg.DagsterInstance, runs: Sequence[str]) -> list[bool]:
    return [instance.get_run_by_id(one) is not None for one in runs]


def test_old_runs_go_with_their_events_and_what_their_checks_said(
    instance: dg.DagsterInstance, run: Run, tidied, storage
) -> None:
    old = [run(AUDIT_JOB, 3), run(AUDIT_JOB, 2.1), run(RELEASE_JOB, 31)]
    young = [run(AUDIT_JOB, 1.9), run(RELEASE_JOB, 29)]

    done = tidied()

    assert left(instance, old + young) == [False] * 3 + [True] * 2
    assert (done[f"runs of {AUDIT_JOB}"], done["other runs"]) == (2, 1)
    for table in ("event_logs", "asset_check_executions", "run_tags"):
        of_runs = {run_id for (run_id,) in storage(f"SELECT run_id FROM {table}")}
        assert not of_runs & set(old)
    assert storage("SELECT count(*) FROM asset_check_executions") == [(1,)]


def test_the_newest_audit_stays_however_old_it_is(
    instance: dg.DagsterInstance, run: Run, tidied
) -> None:
    audits = [run(AUDIT_JOB, 50), run(AUDIT_JOB, 40)]

    tidied()

    assert left(instance, audits) == [False, True]


def test_the_run_of_what_a_service_runs_now_stays(
    instance: dg.DagsterInstance, run: Run, tidied, ledger: Ledger
) -> None:
    runs = [run(RELEASE_JOB, 400), run(RELEASE_JOB, 300)]
    with ledger.begin() as db:
        release = releases.open_release(
            db,
            service="a",
            image="1.0.0",
            plan={},
            entry={},
            seed=1,
            requested_by="somebody",
            run_id=runs[0],
        )
        db.execute(update(ReleaseRow).values(ended_at=DATABASE_NOW))
        db.execute(insert(ServiceRow).values(name="a", stable_release_id=release.id))

    tidied()

    assert left(instance, runs) == [True, False]


def test_a_run_under_way_is_never_touched(
    instance: dg.DagsterInstance, run: Run, tidied, storage
) -> None:
    runs = [run(RELEASE_JOB, 400) for _ in range(2)]
    storage("UPDATE runs SET status = 'STARTED' WHERE run_id = %s", runs[0])

    tidied()

    assert left(instance, runs) == [True, False]


def test_many_kept_runs_hide_none_that_are_to_go(
    instance: dg.DagsterInstance, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(old_runs, "_BATCH", 2)
    runs = [run(RELEASE_JOB, 40) for _ in range(7)]
    kept = {runs[n] for n in (0, 1, 2, 4)}
    before = datetime.now(UTC) - timedelta(days=30)

    assert old_runs.forget_runs(instance, before, kept, until=float("inf")) == 3
    assert left(instance, runs) == [one in kept for one in runs]


def test_the_ledger_is_tidied_too(ledger: Ledger, tidied) -> None:
    copy = {"id": "x", "service": "a", "digest": "d", "role": "stable", "state": "stopped"}
    with ledger.begin() as db:
        db.execute(insert(InstanceRow).values(observed_at="2020-01-01T00:00:00Z", **copy))

    assert tidied()["rows of instances"] == 1


def test_the_schedule_begins_no_second_one_beside_the_first(instance: dg.DagsterInstance) -> None:
    context = dg.build_schedule_context(instance)
    assert isinstance(tidy_schedule(context), dg.RunRequest)
    instance.create_run_for_job(tidy, status=dg.DagsterRunStatus.STARTED)
    assert isinstance(tidy_schedule(context), dg.SkipReason)
