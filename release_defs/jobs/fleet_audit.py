"""The drift audit: one look at the whole fleet, held against the ledger."""

from __future__ import annotations

import dagster as dg

from assets.fleet_inventory import fleet_inventory
from assets.version_skew import version_skew
from sensors.names import AUDIT_JOB

fleet_audit = dg.define_asset_job(
    AUDIT_JOB,
    selection=dg.AssetSelection.assets(fleet_inventory, version_skew),
    description=(
        "Look at everything that runs, hold it against the ledger, and name what differs. The "
        "schedule of the same name runs it; launch it here to know now."
    ),
    executor_def=dg.in_process_executor,
)
