"""Forgetting Dagster's old runs: with their events, and with what asset checks said in them.

Dagster has no retention for runs. It deletes one at a time, and leaves the checks' results behind.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Sequence
from datetime import datetime

import dagster as dg
from dagster._core.storage.event_log.schema import AssetCheckExecutionsTable
from dagster._core.storage.event_log.sql_event_log import SqlEventLogStorage

_BATCH = 100
_ENDED = [
    dg.DagsterRunStatus.SUCCESS,
    dg.DagsterRunStatus.FAILURE,
    dg.DagsterRunStatus.CANCELED,
]
"""All others are under way, and never touched."""


def forget_runs(
    instance: dg.DagsterInstance,
    before: datetime,
    kept: Collection[str],
    until: float,
    job: str | None = None,
) -> int:
    """Delete runs that ended before a moment, oldest first, but for those that are `kept`; of one
    job when named. Stops at `until` (monotonic seconds). Returns how many."""
    filters = dg.RunsFilter(job_name=job, statuses=_ENDED, updated_before=before)
    deleted, last_kept = 0, None
    while time.monotonic() < until:
        records = instance.get_run_records(filters, _BATCH, ascending=True, cursor=last_kept)
        found = [one.dagster_run.run_id for one in records]
        old = [run_id for run_id in found if run_id not in kept]
        _delete(instance, old)
        deleted += len(old)
        if len(found) < _BATCH:
            break
        # only a run that is still there can say where to go on
        last_kept = next((run_id for run_id in reversed(found) if run_id in kept), last_kept)
    return deleted


def _delete(instance: dg.DagsterInstance, run_ids: Sequence[str]) -> None:
    """The runs themselves last: killed in the middle, those that are left are found again."""
    _forget_checks(instance, run_ids)
    for run_id in run_ids:
        instance.event_log_storage.delete_events(run_id)
        instance.delete_run(run_id)


def _forget_checks(instance: dg.DagsterInstance, run_ids: Sequence[str]) -> None:
    storage = getattr(instance.event_log_storage, "_storage", instance.event_log_storage)
    if not run_ids or not isinstance(storage, SqlEventLogStorage):
        return
    table = AssetCheckExecutionsTable
    with storage.index_connection() as db:
        db.execute(table.delete().where(table.c.run_id.in_(run_ids)))
