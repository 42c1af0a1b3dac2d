"""`tidy`: once an hour, what nobody needs any more is forgotten."""

# No `from __future__ import annotations` here: Dagster reads the types as they stand.

import dagster as dg

from sensors.names import TIDY_JOB

_UNDER_WAY = [
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
]


@dg.schedule(
    name=TIDY_JOB,
    job_name=TIDY_JOB,
    cron_schedule="17 * * * *",
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="Keeps the ledger and Dagster's storage from growing without end.",
)
def tidy_schedule(context: dg.ScheduleEvaluationContext) -> dg.RunRequest | dg.SkipReason:
    filters = dg.RunsFilter(job_name=TIDY_JOB, statuses=_UNDER_WAY)
    under_way = context.instance.get_runs(filters, limit=1)
    if under_way:
        return dg.SkipReason(f"run {under_way[0].run_id[:8]} is still at it")
    return dg.RunRequest()
