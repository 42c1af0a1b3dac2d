"""`fleet_reports`: the fleet's report and its forecast, every hour."""

# No `from __future__ import annotations` here: Dagster reads the types as they stand.

import dagster as dg

REPORT_JOB = "fleet_reports"

fleet_reports_schedule = dg.ScheduleDefinition(
    name=REPORT_JOB,
    job_name=REPORT_JOB,
    cron_schedule="41 * * * *",
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="Writes the fleet's page, and makes the forecast anew with what was learnt since.",
)
