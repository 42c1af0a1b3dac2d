"""`migration_observation`: looks at the databases, and reports whose schema change has moved."""

# No `from __future__ import annotations` here: Dagster reads the types as they stand.

import json
from typing import TYPE_CHECKING

import dagster as dg

from assets.live_version import services
from assets.migration_state import Migration, observation, read_migrations
from davylamp.errors import DavylampError
from davylamp.rollout.engine import Engine

if TYPE_CHECKING:
    from davylamp.rollout.contract_ready import ContractOutlook
    from davylamp.rollout.parts import Parts

_LONGEST_SECONDS = 35.0
"""Of a tick: Dagster ends one after a minute. What wasn't reached is first next time."""


@dg.sensor(
    minimum_interval_seconds=30,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description=(
        "Looks at each database that has a history, keeps in the ledger what it sees, and writes "
        "an observation of `migration_state` for each service where something is new: a backfill "
        "moved on by a per cent, somebody needs an old column no more. Starts no run."
    ),
)
def migration_observation(
    context: dg.SensorEvaluationContext, engine: dg.ResourceParam[Engine]
) -> dg.SensorResult | dg.SkipReason:
    before = json.loads(context.cursor or '{"after": "", "told": {}}')
    try:
        with engine.parts() as parts:
            outlooks, seen = _look(context, parts, before["after"])
            found = [one for one in read_migrations(parts, outlooks) if _is_seen(one, seen)]
    except DavylampError as error:
        return dg.SkipReason(f"schema changes can't be seen: {error}")
    there = set(context.instance.get_dynamic_partitions(services.name))
    found = [one for one in found if one.service in there]
    changed = [one for one in found if before["told"].get(one.service) != one.fingerprint]
    told = before["told"] | {one.service: one.fingerprint for one in found}
    cursor = json.dumps({"after": seen[-1] if seen else "", "told": told}, separators=(",", ":"))
    if not changed:
        context.update_cursor(cursor)
        return dg.SkipReason("nothing has changed")
    return dg.SensorResult(asset_events=[observation(one) for one in changed], cursor=cursor)


def _look(
    context: dg.SensorEvaluationContext, parts: "Parts", after: str
) -> "tuple[list[ContractOutlook], list[str]]":
    """What is next in each database, and which were looked at."""
    from davylamp.rollout.contract_ready import contract_outlooks, databases_of_catalog
    from davylamp.rollout.in_turn import in_turn
    from davylamp.rollout.schema_mirror import refresh_state

    entries = databases_of_catalog(parts)
    outlooks: list[ContractOutlook] = []
    seen: list[str] = []
    for name in in_turn(entries, after, _LONGEST_SECONDS):
        try:
            refresh_state(parts, name, entries[name])
        except DavylampError as error:
            context.log.warning(f"{name} is as it was last seen: {error}")
        outlooks += contract_outlooks(parts, name)
        seen.append(name)
    return outlooks, seen


def _is_seen(one: Migration, seen: list[str]) -> bool:
    """All its databases were looked at; a half look would say that a drop is not next."""
    return all(database.name in seen for database in one.databases)
