"""`fleet_audit`: the schedule of the drift audit, every minute unless set otherwise."""

# No `from __future__ import annotations` here: Dagster reads the types as they stand.

import dagster as dg

from davylamp.rollout.engine import Engine
from sensors.names import AUDIT_JOB

_UNDER_WAY = [
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
]


def audit_schedule(cron: str) -> dg.ScheduleDefinition:
    """Runs don't queue up behind a slow one: they would see the past."""

    @dg.schedule(
        name=AUDIT_JOB,
        job_name=AUDIT_JOB,
        cron_schedule=cron,
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description="Audits the whole fleet for version skew (DAVYLAMP_AUDIT_CRON).",
    )
    def scheduled(context: dg.ScheduleEvaluationContext) -> dg.RunRequest | dg.SkipReason:
        under_way = context.instance.get_runs(
            dg.RunsFilter(job_name=AUDIT_JOB, statuses=_UNDER_WAY), limit=1
        )
        if under_way:
            return dg.SkipReason(f"the audit of run {under_way[0].run_id[:8]} is still under way")
        return dg.RunRequest()

    return scheduled


fleet_audit_schedule = audit_schedule(Engine().settings().audit_cron)
