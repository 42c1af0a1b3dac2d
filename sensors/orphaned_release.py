"""`orphaned_release`: ends releases nobody drives any more."""

# No `from __future__ import annotations` here: Dagster reads the types as they stand.

import dagster as dg

from davylamp.errors import DavylampError
from davylamp.rollout.engine import Engine


@dg.sensor(
    minimum_interval_seconds=5,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description=(
        "A release whose lease ran out has lost its run. Its traffic is back on stable already; "
        "here its copies are ended, and the ledger is told why."
    ),
)
def orphaned_release(
    context: dg.SensorEvaluationContext, engine: dg.ResourceParam[Engine]
) -> dg.SkipReason:
    from davylamp.rollout.reap import reap

    try:
        with engine.parts() as parts:
            done = reap(parts)
    except DavylampError as error:
        return dg.SkipReason(f"could not look for orphans: {error}")
    for line in done:
        context.log.warning(line)
    return dg.SkipReason("; ".join(done) or "every active release has a run")
