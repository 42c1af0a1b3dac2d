"""Schedules whose runs don't queue up behind a slow one: they would only see the past."""

from __future__ import annotations

import dagster as dg

_UNDER_WAY = [
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
]


def one_at_a_time(instance: dg.DagsterInstance, job: str) -> dg.RunRequest | dg.SkipReason:
    """A run of this job, unless there is one."""
    found = instance.get_runs(dg.RunsFilter(job_name=job, statuses=_UNDER_WAY), limit=1)
    if found:
        return dg.SkipReason(f"run {found[0].run_id[:8]} of {job} is still under way")
    return dg.RunRequest()
