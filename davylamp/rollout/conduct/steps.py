"""The steps of a canary, and the wait for a human."""

from __future__ import annotations

from dataclasses import replace

from davylamp.ledger import releases
from davylamp.ledger.models import ReleaseState
from davylamp.rollout.conduct.bench import Bench
from davylamp.rollout.conduct.guard import guard_now, look_who_is_there
from davylamp.rollout.conduct.session import Ending, Session
from davylamp.rollout.conduct.watch import OnTick, Tick, Watcher
from davylamp.rollout.plan import Plan
from davylamp.rollout.state import Move, Phase

ENDINGS = {
    Move.PROMOTE: "promote",
    Move.ROLL_BACK: "roll_back",
    Move.HOLD: "hold",
    Move.FINISH: "promoted",
}


def walk(session: Session, on_tick: OnTick) -> Ending:
    """Raise the share step by step, judging every second, until something is decided."""
    plan = session.plan()
    if session.release().stable_digest is None:
        return Ending("promote", "the first build of this service: nobody to compare it with")
    for number, step in enumerate(plan.steps):
        reason = f"step {number + 1} of {len(plan.steps)}: {step.share:.0%} of users"
        session.enter(ReleaseState.STEPPING, reason, step=number)
        look_who_is_there(session)
        intent = session.hold.set_shares(step.share, step.baseline_share, reason)
        session.hold.wait_until_confirmed(intent)
        _note_first_traffic(session, number)
        tick = watcher(session, plan, Phase.STEPPING, number, step.share).until_decided(on_tick)
        session.note("decided", tick.decision.reason, move=tick.decision.move)
        if tick.decision.move is not Move.NEXT_STEP:
            return ending(tick)
    return Ending("roll_back", "the plan ended without a decision")


def wait_for_human(session: Session, reason: str, on_tick: OnTick) -> Ending:
    """Stay at the share it has until somebody promotes it; silence rolls back."""
    plan, release = session.plan(), session.release()
    session.enter(ReleaseState.HELD, reason)
    share = plan.steps[release.step].share
    tick = watcher(session, plan, Phase.HELD, release.step, share).until_decided(on_tick)
    session.note("decided", tick.decision.reason, move=tick.decision.move)
    found = ending(tick)
    return replace(found, reason=f"{found.reason}; it was held because: {reason}")


def watcher(
    session: Session, plan: Plan, phase: Phase, step: int, share: float, bench: Bench | None = None
) -> Watcher:
    return Watcher(
        parts=session.parts,
        hold=session.hold,
        plan=plan,
        policy=session.service.judge.policy(),
        guard=guard_now(session),
        phase=phase,
        step=step,
        share=share,
        bench=bench or session.bench,
    )


def ending(tick: Tick) -> Ending:
    decision = tick.decision
    return Ending(ENDINGS[decision.move], decision.reason, tick.verdict, decision.blames_build)


def _note_first_traffic(session: Session, number: int) -> None:
    if number == 0:
        with session.parts.ledger.begin() as db:
            releases.note_traffic(db, session.hold.release_id)
