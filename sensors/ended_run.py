"""A release's run that failed or was cancelled: its release is ended at once, not when its lease
has run out, and whoever asked for it is told."""

# No `from __future__ import annotations` here: Dagster reads the types as they stand.

import dagster as dg

from davylamp.errors import DavylampError
from davylamp.rollout.engine import Engine
from sensors.names import RELEASE_JOB

_RUNNING = dg.DefaultSensorStatus.RUNNING


@dg.run_failure_sensor(name="failed_run", minimum_interval_seconds=2, default_status=_RUNNING)
def failed_run(
    context: dg.RunFailureSensorContext, engine: dg.ResourceParam[Engine]
) -> dg.SkipReason:
    """A run that ended without ending its release (killed, out of memory, its machine gone)."""
    return _end(context, engine, "failed")


@dg.run_status_sensor(
    run_status=dg.DagsterRunStatus.CANCELED,
    name="cancelled_run",
    minimum_interval_seconds=2,
    default_status=_RUNNING,
)
def cancelled_run(
    context: dg.RunStatusSensorContext, engine: dg.ResourceParam[Engine]
) -> dg.SkipReason:
    """A run cancelled before it began, or that could not end its release itself."""
    return _end(context, engine, "was cancelled")


def _end(context: dg.RunStatusSensorContext, engine: Engine, how: str) -> dg.SkipReason:
    from davylamp.rollout.reap import reap

    run = context.dagster_run
    if run.job_name != RELEASE_JOB:
        return dg.SkipReason(f"{run.job_name} is no release")
    try:
        _answer(engine, run, how)
        with engine.parts() as parts:
            done = reap(parts, [run.run_id])
    except DavylampError as error:
        return dg.SkipReason(f"left to the lease and the orphans' sensor: {error}")
    for line in done:
        context.log.warning(line)
    return dg.SkipReason("; ".join(done) or "its release had ended by itself")


def _answer(engine: Engine, run: dg.DagsterRun, how: str) -> None:
    """A request whose run ended before there was a release is refused."""
    from davylamp.ledger.evidence import answer_request, get_request

    request_id = run.run_config.get("request_id")
    if request_id is None:
        return
    with engine.ledger() as ledger, ledger.begin() as db:
        request = get_request(db, int(request_id))
        if request and request.release_id is None and request.refused_reason is None:
            why = f"its run {run.run_id[:8]} {how} before the release began"
            answer_request(db, request.id, refused=why)
