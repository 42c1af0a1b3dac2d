"""`fleet_runs_what_was_released`: one check over all services, with a row for each that doesn't."""

# No `from __future__ import annotations` here: Dagster reads the types as they stand.

from collections.abc import Sequence

import dagster as dg

from assets.live_version import LiveVersion, live_version, read_live_versions
from assets.table import text_table
from davylamp.rollout.engine import Engine

NAME = "fleet_runs_what_was_released"
_COLUMNS = ("service", "version", "ready", "problem")


def evaluate(fleet: Sequence[LiveVersion]) -> dg.AssetCheckEvaluation:
    """The result, as an event of its own."""
    result = _result(fleet)
    return dg.AssetCheckEvaluation(
        asset_key=live_version.key,
        check_name=NAME,
        passed=result.passed,
        severity=result.severity,
        description=result.description,
        metadata=result.metadata,
    )


@dg.asset_check(asset=live_version.key, name=NAME)
def fleet_runs_what_was_released(engine: dg.ResourceParam[Engine]) -> dg.AssetCheckResult:
    """Every stable copy that is seen runs its service's stable build, and enough are ready."""
    with engine.parts() as parts:
        return _result(read_live_versions(parts))


def _result(fleet: Sequence[LiveVersion]) -> dg.AssetCheckResult:
    wrong = [one for one in fleet if one.problem]
    description = f"{len(fleet) - len(wrong)} of {len(fleet)} services run what was released"
    rows = [
        {
            "service": one.service,
            "version": one.version,
            "ready": f"{one.ready} of {one.wanted}",
            "problem": one.problem,
        }
        for one in wrong
    ]
    table = {"services": text_table(_COLUMNS, rows)} if rows else {}
    return dg.AssetCheckResult(
        passed=not wrong,
        severity=dg.AssetCheckSeverity.WARN,
        description=description,
        metadata={"wrong": len(wrong), "services looked at": len(fleet), **table},
    )
