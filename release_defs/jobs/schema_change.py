"""A service's schema change as a job of its own, without a release of its code."""

# No `from __future__ import annotations` here: Dagster reads the types as they stand.

import dagster as dg

from release_defs.ops.schema_alone import (
    SchemaChangeConfig,
    accept_change,
    contract_alone,
    expand_alone,
    migrate_alone,
)
from sensors.names import SCHEMA_JOB

_DESCRIPTION = """
Change a database's schema ahead of a release (a backfill of hours needn't wait for one, nor hold
one up), or drop what no living build needs any more. The sensor `contract_ready` begins drops.

    service: orders
    image: 1.1.0       # the build that brings the revisions; leave it out for the one users have
    phase: migrate     # expand, migrate or contract

*Terminate* stops a backfill after the batch it is in, and gives back what a quarantine took. Run
it again, and it goes on where it stopped.
"""


@dg.config_mapping
def flat(config: SchemaChangeConfig) -> dg.RunConfig:
    """Let a change be asked for without naming the op that takes the request."""
    return dg.RunConfig(ops={accept_change.name: config})


@dg.job(
    name=SCHEMA_JOB,
    description=_DESCRIPTION,
    config=flat,
    executor_def=dg.in_process_executor,
)
def schema_change() -> None:
    asked = accept_change()
    expanded = expand_alone.alias("expand_schema")(asked.expand)
    migrate_alone.alias("migrate_schema")(expanded.migrate)
    contract_alone.alias("contract_schema")(asked.contract)
