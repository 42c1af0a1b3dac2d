"""Forgetting what nobody needs any more: in the ledger, and among Dagster's runs."""

# No `from __future__ import annotations` here: Dagster reads the types as they stand.

import time
from datetime import UTC, datetime, timedelta

import dagster as dg

from davylamp.rollout.engine import Engine
from sensors.names import AUDIT_JOB, TIDY_JOB
from sensors.report_schedule import REPORT_JOB

FREQUENT_JOBS = (AUDIT_JOB, TIDY_JOB, REPORT_JOB)
"""What runs by itself every minute or hour; what it found is in the ledger."""
_MOST_SECONDS = 600.0
"""Of one op; the rest is for the next hour."""


@dg.op
def tidy_ledger(context: dg.OpExecutionContext, engine: dg.ResourceParam[Engine]) -> None:
    """Old evidence, ended copies, looks and closed findings of the audit, sent alerts."""
    from davylamp.ledger.retention import Keep, tidy

    settings = engine.settings()
    with engine.ledger() as ledger:
        found = tidy(ledger, Keep.of(settings), seconds=_MOST_SECONDS)
    rows = {f"rows of {table}": rows for table, rows in found.rows.items()}
    context.add_output_metadata({**rows, "is done": found.is_done})


@dg.op
def tidy_runs(context: dg.OpExecutionContext, engine: dg.ResourceParam[Engine]) -> None:
    """Ended runs and their events. The run of what a service runs now stays, however old it is:
    its `live_version` hangs on it."""
    from davylamp.ledger.live_runs import runs_of_live_builds
    from release_defs.ops.old_runs import forget_runs  # loads SQLAlchemy

    settings = engine.settings()
    with engine.ledger() as ledger, ledger.begin() as db:
        kept = runs_of_live_builds(db)
    until = time.monotonic() + _MOST_SECONDS
    metadata: dict[str, int] = {}
    for job in FREQUENT_JOBS:
        before = _ago(settings.keep_frequent_runs_days)
        newest = {
            one.run_id for one in context.instance.get_runs(dg.RunsFilter(job_name=job), limit=1)
        }
        metadata[f"runs of {job}"] = forget_runs(context.instance, before, newest, until, job=job)
        kept |= newest
    before = _ago(settings.keep_runs_days)
    metadata["other runs"] = forget_runs(context.instance, before, kept, until)
    context.add_output_metadata(metadata)


def _ago(days: float) -> datetime:
    return datetime.now(UTC) - timedelta(days=days)
