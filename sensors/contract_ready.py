"""`contract_ready`: a drop that nobody alive is against any more becomes a run, once."""

# No `from __future__ import annotations` here: Dagster reads the types as they stand.

import json
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import dagster as dg

from davylamp.errors import DavylampError
from davylamp.rollout.engine import Engine
from sensors.names import DATABASE_TAG, REVISION_TAG, SCHEMA_JOB, SCHEMA_OF_TAG
from sensors.tried_before import Tried, why_not

if TYPE_CHECKING:
    from davylamp.rollout.contract_ready import ContractOutlook
    from davylamp.rollout.parts import Parts

_LONGEST_SECONDS = 35.0
"""Of a tick: Dagster ends one after a minute. What wasn't reached is first next time."""
_MOST_RUNS = 20
"""Looked back at, of one drop."""


@dataclass(frozen=True)
class _Found:
    """A drop that is next, and why it isn't begun; empty when it is."""

    outlook: "ContractOutlook"
    tried: Tried
    against: str


@dg.sensor(
    job_name=SCHEMA_JOB,
    minimum_interval_seconds=30,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description=(
        "Asks for each database whose next revision drops something: does anybody alive still "
        "need it? By the contracts of the builds that are observed, and by the database's own "
        "clients. Where nobody does, a run of `schema_change` begins with its quarantine; of the "
        "others the log says who still needs it, when that changes."
    ),
)
def contract_ready(
    context: dg.SensorEvaluationContext, engine: dg.ResourceParam[Engine]
) -> dg.SensorResult | dg.SkipReason:
    before = json.loads(context.cursor or '{"after": "", "told": {}}')
    try:
        with engine.parts() as parts:
            found, seen = _look(context, parts, before["after"])
    except DavylampError as error:
        return dg.SkipReason(f"no database was asked: {error}")
    told = {name: why for name, why in before["told"].items() if name not in seen}
    told |= {one.outlook.database: one.against for one in found if one.against}
    for name, why in told.items():
        if before["told"].get(name) != why:
            context.log.info(f"{name}: {why}")
    cursor = {"after": seen[-1] if seen else "", "told": told}
    requests = [_run_request(one) for one in found if not one.against]
    return dg.SensorResult(
        run_requests=requests,
        skip_reason=None if requests else _why_nothing(told),
        cursor=json.dumps(cursor, separators=(",", ":")),
    )


def _look(
    context: dg.SensorEvaluationContext, parts: "Parts", after: str
) -> tuple[list[_Found], list[str]]:
    """The drops that are next, and the databases that were asked."""
    from davylamp.rollout.contract_ready import contract_outlooks, databases_of_catalog
    from davylamp.rollout.in_turn import in_turn

    found: list[_Found] = []
    seen: list[str] = []
    for name in in_turn(databases_of_catalog(parts), after, _LONGEST_SECONDS):
        seen.append(name)
        for outlook in contract_outlooks(parts, name):
            tried = _tried(context.instance, parts, outlook) if outlook.is_ready else Tried()
            found.append(_Found(outlook, tried, _against(parts, outlook, tried)))
    return found, seen


def _against(parts: "Parts", outlook: "ContractOutlook", tried: Tried) -> str:
    if outlook.answer is None:
        return outlook.reason
    if not outlook.is_ready:
        return f"{outlook.revision} waits: " + "; ".join(
            sorted({f"{b.build or b.who} ({b.kind}): {b.why}" for b in outlook.answer.blockers})
        )
    if outlook.service not in parts.catalog.services:
        return f"{outlook.service}, which brought {outlook.revision}, left the catalog"
    why = why_not(tried, time.time())
    return f"{outlook.revision} could go, but {why}" if why else ""


def _tried(instance: dg.DagsterInstance, parts: "Parts", outlook: "ContractOutlook") -> Tried:
    from davylamp.ledger.schema import CONTRACT_STOPPED, schema_events

    of_database = {DATABASE_TAG: outlook.database}
    of_drop = of_database | {REVISION_TAG: outlook.revision}
    ended = instance.get_run_records(
        dg.RunsFilter(job_name=SCHEMA_JOB, tags=of_drop, statuses=_ENDED), limit=_MOST_RUNS
    )
    under_way = instance.get_run_records(
        dg.RunsFilter(job_name=SCHEMA_JOB, tags=of_database, statuses=_UNDER_WAY), limit=1
    )
    with parts.ledger.begin() as db:
        stops = schema_events(
            db, outlook.database, revision=outlook.revision, kind=CONTRACT_STOPPED
        )
    last = ended[0] if ended else None
    return Tried(
        runs=len(ended),
        last_run=last.dagster_run.run_id if last else "",
        ended_at=(last.end_time or last.create_timestamp.timestamp()) if last else 0.0,
        stops=len(stops),
        stopped_at=stops[-1].at.timestamp() if stops else 0.0,
        is_running=bool(under_way),
        was_cancelled=last is not None and last.dagster_run.status is dg.DagsterRunStatus.CANCELED,
    )


_ENDED = [
    dg.DagsterRunStatus.SUCCESS,
    dg.DagsterRunStatus.FAILURE,
    dg.DagsterRunStatus.CANCELED,
]
_UNDER_WAY = [status for status in dg.DagsterRunStatus if status not in _ENDED]


def _run_request(one: _Found) -> dg.RunRequest:
    """The key holds until that run has ended: a tick that is repeated begins no second one."""
    outlook, last = one.outlook, one.tried.last_run or "first"
    return dg.RunRequest(
        run_key=f"contract:{outlook.database}:{outlook.revision}:{last}",
        run_config={
            "service": outlook.service,
            "phase": "contract",
            "revision": outlook.revision,
        },
        tags={
            SCHEMA_OF_TAG: outlook.service,
            DATABASE_TAG: outlook.database,
            REVISION_TAG: outlook.revision,
        },
    )


def _why_nothing(told: dict[str, str]) -> str:
    first = "; ".join(f"{name}: {why}" for name, why in sorted(told.items())[:3])
    more = f" … and {len(told) - 3} more" if len(told) > 3 else ""
    return first + more if told else "no drop is next"
