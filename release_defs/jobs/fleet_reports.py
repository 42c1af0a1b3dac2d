"""What the fleet's releases say together: a page, and the forecast."""

from __future__ import annotations

import dagster as dg

from assets.blast_radius_forecast import blast_radius_forecast
from assets.fleet_report import fleet_report
from sensors.report_schedule import REPORT_JOB

fleet_reports = dg.define_asset_job(
    REPORT_JOB,
    selection=dg.AssetSelection.assets(fleet_report, blast_radius_forecast),
    description=(
        "Tell how the fleet's releases went, write the fleet's page, and forecast what bad "
        "deploys will cost. The schedule of the same name runs it."
    ),
    executor_def=dg.in_process_executor,
)
