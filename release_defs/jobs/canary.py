"""The release of one service as one job: its graph is the way a release goes."""

# No `from __future__ import annotations` here: Dagster reads the types as they stand.

import dagster as dg

from release_defs.ops.begin import ReleaseConfig, guard_contracts, start_instances, verify_build
from release_defs.ops.end import confirm_release, release_rejected, roll_back_release
from release_defs.ops.schema import contract_schema, expand_schema, migrate_schema
from release_defs.ops.traffic import hold_release, promote_release, shift_traffic
from sensors.names import RELEASE_JOB

_DESCRIPTION = """
Release one service: check the build, bring its database what it needs, start it beside a fresh
baseline, raise its share of users step by step, and promote it or take it back. Every decision is
the engine's.
What was added to a database stays when a release is taken back: the builds that are alive work
beside it, and the next one finds it there.

To launch it by hand, name a **service** of the catalog and an **image** of it:

    service: checkout
    image: 1.2.0

*Terminate* takes the release back: all users go to the stable build first.
A run that fails in `release_rejected` did its work: the build was worse, and is gone.
"""


@dg.config_mapping
def flat(config: ReleaseConfig) -> dg.RunConfig:
    """Let a release be asked for without naming the op that takes the request."""
    return dg.RunConfig(ops={verify_build.name: config})


@dg.job(
    name=RELEASE_JOB,
    description=_DESCRIPTION,
    config=flat,
    executor_def=dg.in_process_executor,
)
def release_canary() -> None:
    guarded = guard_contracts(verify_build())
    started = start_instances(migrate_schema(expand_schema(guarded)))
    shifted = shift_traffic(started)
    held = hold_release(shifted.hold)
    promoted = promote_release([shifted.promote, held.promote])
    rolled_back = roll_back_release([shifted.roll_back, held.roll_back, promoted.roll_back])
    contract_schema(confirm_release(promoted.promoted))
    release_rejected(rolled_back)
