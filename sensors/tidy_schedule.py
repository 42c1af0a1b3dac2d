"""`tidy`: once an hour, what nobody needs any more is forgotten."""

# No `from __future__ import annotations` here: Dagster reads the types as they stand.

import dagster as dg

from sensors.names import TIDY_JOB
from sensors.one_at_a_time import one_at_a_time


@dg.schedule(
    name=TIDY_JOB,
    job_name=TIDY_JOB,
    cron_schedule="17 * * * *",
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="Keeps the ledger and Dagster's storage from growing without end.",
)
def tidy_schedule(context: dg.ScheduleEvaluationContext) -> dg.RunRequest | dg.SkipReason:
    return one_at_a_time(context.instance, TIDY_JOB)
