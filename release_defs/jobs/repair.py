"""A button for what the audit found: shown first, done when asked."""

# No `from __future__ import annotations` here: Dagster reads the types as they stand.

import dagster as dg

from release_defs.ops.repair import RepairConfig, repair_findings

_DESCRIPTION = """
Do what is to be done about findings of the audit: drain an instance that should not run, start
copies that are missing, put a route in force again. Findings about data, schema and flags are for
people; the table says what they do.

    code: stale_instance   # leave out what may be any
    service: checkout
    instance: checkout-8
    dry_run: true          # false: do it

The fleet is audited anew, and each finding is looked at once more right before anything is done
about it. *Terminate* at any time: stable serves everything.
"""


@dg.config_mapping
def flat(config: RepairConfig) -> dg.RunConfig:
    """Let a repair be asked for without naming the op."""
    return dg.RunConfig(ops={repair_findings.name: config})


@dg.job(description=_DESCRIPTION, config=flat, executor_def=dg.in_process_executor)
def repair() -> None:
    repair_findings()
