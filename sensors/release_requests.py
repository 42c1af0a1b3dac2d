"""`release_requests`: what was asked for on the command line becomes a run."""

# No `from __future__ import annotations` here: Dagster reads the types as they stand.

import dagster as dg

from davylamp.errors import DavylampError
from davylamp.rollout.engine import Engine
from sensors.names import RELEASE_JOB, SERVICE_TAG, release_run

MOST_RUNS = 25


@dg.sensor(
    job_name=RELEASE_JOB,
    minimum_interval_seconds=2,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Starts a run for each row of the ledger's inbox (`davylamp release`).",
)
def release_requests(
    context: dg.SensorEvaluationContext, engine: dg.ResourceParam[Engine]
) -> dg.SensorResult | dg.SkipReason:
    from davylamp.ledger.evidence import open_requests

    after = int(context.cursor or 0)
    try:
        with engine.ledger() as ledger, ledger.begin() as db:
            asked = open_requests(db, after=after, limit=MOST_RUNS)
    except DavylampError as error:
        return dg.SkipReason(f"the inbox can't be read: {error}")
    if not asked:
        return dg.SkipReason("nobody asked for a release")
    return dg.SensorResult(
        run_requests=[
            dg.RunRequest(
                run_key=f"request:{one.id}",
                run_config=release_run(one.service, one.image, one.requested_by, one.id),
                tags={SERVICE_TAG: one.service},
            )
            for one in asked
        ],
        cursor=str(asked[-1].id),
    )
