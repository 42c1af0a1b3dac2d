"""`fleet_observation`: looks at the fleet, and reports which services have changed."""

# No `from __future__ import annotations` here: Dagster reads the types as they stand.

import json
from collections.abc import Sequence

import dagster as dg

from assets.as_released import evaluate
from assets.live_version import (
    LiveVersion,
    materialization,
    observation,
    read_live_versions,
    services,
)
from davylamp.errors import DavylampError
from davylamp.rollout.engine import Engine


@dg.sensor(
    minimum_interval_seconds=10,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description=(
        "Compares what the platform shows with what the ledger says, and writes an observation of "
        "`live_version` for each service where something is new. Starts no run."
    ),
)
def fleet_observation(
    context: dg.SensorEvaluationContext, engine: dg.ResourceParam[Engine]
) -> dg.SensorResult | dg.SkipReason:
    try:
        with engine.parts() as parts:
            fleet = read_live_versions(parts)
    except DavylampError as error:
        return dg.SkipReason(f"the fleet can't be seen: {error}")
    before: dict[str, str] = json.loads(context.cursor or "{}")
    now = {one.service: one.fingerprint for one in fleet}
    changed = [one for one in fleet if before.get(one.service) != now[one.service]]
    partitions = _partition_requests(context.instance, [one.service for one in fleet])
    if not changed and not partitions:
        return dg.SkipReason("nothing has changed")
    return dg.SensorResult(
        asset_events=_events(fleet, changed, before),
        dynamic_partitions_requests=partitions,
        cursor=json.dumps(now, separators=(",", ":")),
    )


def _events(
    fleet: Sequence[LiveVersion], changed: Sequence[LiveVersion], before: dict[str, str]
) -> list[dg.AssetObservation | dg.AssetMaterialization | dg.AssetCheckEvaluation]:
    """A live service that was never heard of is materialized: its release was reported to a
    storage that is gone, or happened elsewhere."""
    found: list[dg.AssetObservation | dg.AssetMaterialization | dg.AssetCheckEvaluation] = []
    for one in changed:
        unheard = one.service not in before and one.digest
        found.append(materialization(one) if unheard else observation(one))
    return [*found, evaluate(fleet)]


def _partition_requests(
    instance: dg.DagsterInstance, wanted: Sequence[str]
) -> list[dg.AddDynamicPartitionsRequest | dg.DeleteDynamicPartitionsRequest]:
    """One partition a service of the catalog."""
    there = set(instance.get_dynamic_partitions(services.name))
    missing, gone = sorted(set(wanted) - there), sorted(there - set(wanted))
    requests = []
    if missing:
        requests.append(services.build_add_request(missing))
    if gone:
        requests.append(services.build_delete_request(gone))
    return requests
