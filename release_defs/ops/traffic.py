"""While users meet the candidate: the steps, the hold for a human, the promotion."""

# No `from __future__ import annotations` here: Dagster reads the types as they stand.

from collections.abc import Iterator
from typing import TYPE_CHECKING

import dagster as dg

from davylamp.rollout.engine import Engine
from release_defs.ops.claim import Claim, claim_of, conducting
from release_defs.ops.narrator import Narrator

if TYPE_CHECKING:
    from davylamp.rollout.conduct import Conduct, Ending


def _branches(*names: str) -> dict[str, dg.Out]:
    return {name: dg.Out(Claim, is_required=False) for name in names}


@dg.op(out=_branches("promote", "hold", "roll_back"))
def shift_traffic(
    context: dg.OpExecutionContext, claim: Claim, engine: dg.ResourceParam[Engine]
) -> Iterator[dg.Output[Claim]]:
    """Raise the candidate's share of users step by step, judging it every second."""
    with conducting(context, engine, claim) as conduct:
        ending = conduct.steps(Narrator(context.log.info))
        output = _branch(conduct, ending)
    yield output


@dg.op(out=_branches("promote", "roll_back"))
def hold_release(
    context: dg.OpExecutionContext, claim: Claim, engine: dg.ResourceParam[Engine]
) -> Iterator[dg.Output[Claim]]:
    """Wait for somebody to promote it (`davylamp promote SERVICE`); silence rolls back."""
    context.log.warning(f"held: {claim.reason}. `davylamp promote` or `davylamp rollback` ends it")
    with conducting(context, engine, claim) as conduct:
        ending = conduct.hold(claim.reason, Narrator(context.log.info))
        output = _branch(conduct, ending)
    yield output


@dg.op(out=_branches("promoted", "roll_back"))
def promote_release(
    context: dg.OpExecutionContext, claims: list[Claim], engine: dg.ResourceParam[Engine]
) -> Iterator[dg.Output[Claim]]:
    """Full size, all users; watch it while the previous build stays warm."""
    with conducting(context, engine, claims[0]) as conduct:
        ending = conduct.promote(claims[0].reason, Narrator(context.log.info))
        output = _branch(conduct, ending)
    yield output


def _branch(conduct: "Conduct", ending: "Ending") -> dg.Output[Claim]:
    """The way the graph goes on. On the way back nothing is drawn before users are safe, and
    after a promotion the next op shows it all."""
    from release_defs.ops.metadata import evidence_of, figures_of_verdict

    figures: dict[str, object] = {"decision": ending.kind, "reason": ending.reason}
    if ending.verdict is not None:
        figures |= figures_of_verdict(ending.verdict)
    if ending.kind in ("promote", "hold"):
        figures |= evidence_of(conduct.session.parts, conduct.release_id)
    return dg.Output(claim_of(conduct, ending.reason), ending.kind, metadata=figures)
