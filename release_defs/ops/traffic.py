"""While users meet the candidate: the steps, the hold for a human, the promotion."""

# No `from __future__ import annotations` here: Dagster reads the types as they stand.

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import dagster as dg

from davylamp.rollout.engine import Engine
from release_defs.ops.claim import Claim, claim_of, conducting
from release_defs.ops.live import Live, showing
from release_defs.ops.metadata import figures_of_verdict, table_of_verdict
from release_defs.ops.narrator import Narrator

if TYPE_CHECKING:
    from davylamp.rollout.conduct import Conduct, Ending, Tick


def _branches(*names: str) -> dict[str, dg.Out]:
    return {name: dg.Out(Claim, is_required=False) for name in names}


@dg.op(out=_branches("promote", "hold", "roll_back"))
def shift_traffic(
    context: dg.OpExecutionContext, claim: Claim, engine: dg.ResourceParam[Engine]
) -> Iterator[dg.Output[Claim]]:
    """Raise the candidate's share of users step by step, judging it every second."""
    with conducting(context, engine, claim) as conduct, showing(context, conduct) as live:
        ending = conduct.steps(_telling(context, live))
        output = _branch(conduct, ending, live)
    yield output


@dg.op(out=_branches("promote", "roll_back"))
def hold_release(
    context: dg.OpExecutionContext, claim: Claim, engine: dg.ResourceParam[Engine]
) -> Iterator[dg.Output[Claim]]:
    """Wait for somebody to promote it (`davylamp promote SERVICE`); silence rolls back."""
    context.log.warning(f"held: {claim.reason}. `davylamp promote` or `davylamp rollback` ends it")
    with conducting(context, engine, claim) as conduct, showing(context, conduct) as live:
        ending = conduct.hold(claim.reason, _telling(context, live))
        output = _branch(conduct, ending, live)
    yield output


@dg.op(out=_branches("promoted", "roll_back"))
def promote_release(
    context: dg.OpExecutionContext, claims: list[Claim], engine: dg.ResourceParam[Engine]
) -> Iterator[dg.Output[Claim]]:
    """Full size, all users; watch it while the previous build stays warm."""
    with conducting(context, engine, claims[0]) as conduct, showing(context, conduct) as live:
        ending = conduct.promote(claims[0].reason, _telling(context, live))
        output = _branch(conduct, ending, live)
    yield output


def _telling(context: dg.OpExecutionContext, live: Live) -> "Callable[[Tick], None]":
    """In words, a line for what is new; and in figures and pictures."""
    narrator = Narrator(context.log.info)

    def on_tick(tick: "Tick") -> None:
        narrator(tick)
        live(tick)

    return on_tick


def _branch(conduct: "Conduct", ending: "Ending", live: Live) -> dg.Output[Claim]:
    """The way the graph goes on. On the way back nothing is drawn: the next op does that, when
    the candidate's copies are gone."""
    metadata: dict[str, object] = {"decision": ending.kind, "reason": ending.reason}
    verdict = ending.verdict or live.verdict
    if verdict is not None:
        metadata |= figures_of_verdict(verdict) | table_of_verdict(verdict)
    if ending.kind != "roll_back":
        metadata |= live.last_picture()
    return dg.Output(claim_of(conduct, ending.reason), ending.kind, metadata=metadata)
