"""The ends of a release: confirmed, or taken back."""

# No `from __future__ import annotations` here: Dagster reads the types as they stand.

from typing import TYPE_CHECKING

import dagster as dg

from assets.live_version import materialization, read_live_version, services
from davylamp.errors import Refused
from davylamp.rollout.engine import Engine
from release_defs.ops.claim import (
    Claim,
    claim_of,
    conducting,
    failure,
    interrupts_held,
    report_outcome,
)
from release_defs.ops.closing import show_end

if TYPE_CHECKING:
    from davylamp.rollout.conduct import Conduct


@dg.op
def roll_back_release(
    context: dg.OpExecutionContext, claims: list[Claim], engine: dg.ResourceParam[Engine]
) -> Claim:
    """All users to the stable build first; then end the candidate's and baseline's copies."""
    with conducting(context, engine, claims[0]) as conduct:
        with interrupts_held():
            stage = conduct.roll_back(claims[0].reason)
        release = conduct.release()
        report_outcome(context, release)
        context.add_output_metadata(show_end(context, conduct, release))
    return claim_of(conduct, stage.reason)


@dg.op
def confirm_release(
    context: dg.OpExecutionContext, claim: Claim, engine: dg.ResourceParam[Engine]
) -> Claim:
    """Every copy that is observed runs the new build, or the one left over is named."""
    with conducting(context, engine, claim) as conduct:
        with interrupts_held():
            problem = _confirm(conduct)
        release = conduct.release()
        report_outcome(context, release)
        _report_live_version(context, conduct)
        if problem:
            raise Refused(problem)
        context.add_output_metadata(show_end(context, conduct, release))
    return claim_of(conduct, release.reason)


@dg.op
def release_rejected(
    context: dg.OpExecutionContext, claim: Claim, engine: dg.ResourceParam[Engine]
) -> None:
    """Fail the run: the roll-back worked, the release did not, and lists should show that."""
    from davylamp.ledger.releases import get_release

    with engine.ledger() as ledger, ledger.begin() as db:
        release = get_release(db, claim.release_id)
    raise failure(release)


def _confirm(conduct: "Conduct") -> str:
    try:
        conduct.confirm()
    except Refused as error:
        return str(error)
    return ""


def _report_live_version(context: dg.OpExecutionContext, conduct: "Conduct") -> None:
    service = conduct.session.service
    live = read_live_version(conduct.session.parts, service)
    context.instance.add_dynamic_partitions(services.name, [service.name])
    context.log_event(materialization(live))
