"""A build's schema change within its release: expand and migrate before any copy starts, and a
word on the drop after its last one runs."""

# No `from __future__ import annotations` here: Dagster reads the types as they stand.

from collections.abc import Callable
from typing import TYPE_CHECKING

import dagster as dg

from davylamp.rollout.engine import Engine
from release_defs.ops.claim import Claim, claim_of, conducting
from release_defs.ops.harmless import harmless
from release_defs.ops.schema_report import report_state, telling

if TYPE_CHECKING:
    from davylamp.rollout.conduct import Conduct
    from davylamp.rollout.conduct.session import Stage
    from davylamp.rollout.schema_work import Listener

    Act = Callable[[Conduct, Listener], Stage]


@dg.op
def expand_schema(
    context: dg.OpExecutionContext, claim: Claim, engine: dg.ResourceParam[Engine]
) -> Claim:
    """Add what the candidate needs to its database, beside every build that is alive."""
    return _stage(context, claim, engine, lambda conduct, tell: conduct.expand(tell))


@dg.op
def migrate_schema(
    context: dg.OpExecutionContext, claim: Claim, engine: dg.ResourceParam[Engine]
) -> Claim:
    """Keep old and new column equal and fill the new one, to the verified end: data leads code."""
    return _stage(context, claim, engine, lambda conduct, tell: conduct.migrate(tell))


@dg.op
def contract_schema(
    context: dg.OpExecutionContext, claim: Claim, engine: dg.ResourceParam[Engine]
) -> None:
    """Say which drop is next, and who still needs what it takes. The drop itself is begun by the
    sensor `contract_ready`: this release has ended, and nothing in here fails it."""
    shown = {}
    with harmless(context):
        from davylamp.ledger.releases import get_release

        with engine.parts() as parts:
            with parts.ledger.begin() as db:
                service = get_release(db, claim.release_id).service
            if parts.catalog.service(service).databases:
                shown = report_state(context, parts, service)
    result = shown.get("next drop", "it has no database whose schema changes")
    context.add_output_metadata({"result": result, **shown})


def _stage(context: dg.OpExecutionContext, claim: Claim, engine: Engine, act: "Act") -> Claim:
    with conducting(context, engine, claim) as conduct, telling(context) as told:
        stage = act(conduct, told.listener)
        context.log.info(stage.reason)
        context.add_output_metadata({"result": stage.reason, **told.account.metadata()})
        if stage.document.get("applied"):
            _report(context, conduct)
    return claim_of(conduct, stage.reason)


def _report(context: dg.OpExecutionContext, conduct: "Conduct") -> None:
    """It looks at the database and at the fleet: the lease must not run out meanwhile."""
    from davylamp.rollout.conduct.schema_stage import held_meanwhile

    session = conduct.session
    with held_meanwhile(session.hold):
        report_state(context, session.parts, session.service.name)
