"""`fleet_audit`: the schedule of the drift audit, every minute unless set otherwise."""

# No `from __future__ import annotations` here: Dagster reads the types as they stand.

import dagster as dg

from davylamp.rollout.engine import Engine
from sensors.names import AUDIT_JOB
from sensors.one_at_a_time import one_at_a_time


def audit_schedule(cron: str) -> dg.ScheduleDefinition:
    """The audit's schedule, as `cron` has it."""

    @dg.schedule(
        name=AUDIT_JOB,
        job_name=AUDIT_JOB,
        cron_schedule=cron,
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description="Audits the whole fleet for version skew (DAVYLAMP_AUDIT_CRON).",
    )
    def scheduled(context: dg.ScheduleEvaluationContext) -> dg.RunRequest | dg.SkipReason:
        return one_at_a_time(context.instance, AUDIT_JOB)

    return scheduled


fleet_audit_schedule = audit_schedule(Engine().settings().audit_cron)
