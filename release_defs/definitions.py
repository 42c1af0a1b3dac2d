"""Everything Dagster is told about Davylamp. Loads with no ledger, registry or plane running."""

from __future__ import annotations

import dagster as dg

from assets.as_released import fleet_runs_what_was_released
from assets.blast_radius_forecast import blast_radius_forecast
from assets.fleet_inventory import fleet_inventory
from assets.fleet_observation import fleet_observation
from assets.fleet_report import fleet_report
from assets.ledger_io import ledger_io
from assets.live_version import live_version
from assets.migration_observation import migration_observation
from assets.migration_state import migration_state
from assets.release_history import release_history
from assets.verdict import verdict
from assets.version_skew import version_skew
from davylamp.rollout.engine import Engine
from release_defs.jobs.canary import release_canary
from release_defs.jobs.fleet_audit import fleet_audit
from release_defs.jobs.fleet_reports import fleet_reports
from release_defs.jobs.repair import repair
from release_defs.jobs.schema_change import schema_change
from release_defs.jobs.tidy import tidy
from sensors.alerts import alerts
from sensors.contract_ready import contract_ready
from sensors.ended_run import cancelled_run, failed_run
from sensors.fleet_audit import fleet_audit_schedule
from sensors.new_image import new_image
from sensors.orphaned_release import orphaned_release
from sensors.release_requests import release_requests
from sensors.report_schedule import fleet_reports_schedule
from sensors.tidy_schedule import tidy_schedule

defs = dg.Definitions(
    jobs=[release_canary, schema_change, fleet_audit, tidy, fleet_reports, repair],
    assets=[
        live_version,
        verdict,
        migration_state,
        fleet_inventory,
        version_skew,
        release_history,
        fleet_report,
        blast_radius_forecast,
    ],
    asset_checks=[fleet_runs_what_was_released],
    schedules=[fleet_audit_schedule, tidy_schedule, fleet_reports_schedule],
    sensors=[
        new_image,
        release_requests,
        orphaned_release,
        failed_run,
        cancelled_run,
        fleet_observation,
        migration_observation,
        contract_ready,
        alerts,
    ],
    resources={"engine": Engine(), "io_manager": dg.mem_io_manager, "ledger_io": ledger_io},
    executor=dg.in_process_executor,
)
