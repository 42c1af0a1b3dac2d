"""What a release does next. Pure and total: the same code serves run, resumption and tests."""

from __future__ import annotations

import math

from davylamp.judge.verdict import SEQUENTIAL, Outcome, Verdict
from davylamp.rollout.coexistence import Coexistence
from davylamp.rollout.plan import Plan
from davylamp.rollout.state import Decision, Move, Phase, Progress

_FRESH_SECONDS = 3.5
"""No share is raised, and nothing made stable, on signals older than this."""


def decide(plan: Plan, progress: Progress, verdict: Verdict, guard: Coexistence) -> Decision:
    """Say what a release does next, and why.

    Total: every combination of inputs has an answer, and the answer for anything unexpected
    is to go back to stable. A fixed-window verdict is only heard at a step's end; harm that
    the sequential judge sees at every tick.
    """
    back = _way_back(plan, progress, verdict, guard)
    if back is not None:
        return back
    if progress.phase is Phase.HELD:
        return _while_held(plan, progress)
    if progress.phase is Phase.WATCHING:
        return _while_watching(plan, progress, verdict)
    return _while_stepping(plan, progress, verdict)


def _way_back(
    plan: Plan, progress: Progress, verdict: Verdict, guard: Coexistence
) -> Decision | None:
    """What takes a release back in whichever phase it is."""
    if guard.conflicts:
        return Decision(Move.ROLL_BACK, str(guard.conflicts[0]))
    if verdict.outcome is Outcome.ROLLBACK and verdict.judge == SEQUENTIAL:
        return Decision(Move.ROLL_BACK, verdict.headline, blames_build=verdict.blames_build)
    if progress.candidate_ready < 1:
        return Decision(Move.ROLL_BACK, "no copy of the candidate is alive", blames_build=True)
    wrong = _what_is_wrong_with(plan, progress)
    return Decision(Move.ROLL_BACK, wrong) if wrong else None


def _what_is_wrong_with(plan: Plan, progress: Progress) -> str:
    if not all(map(math.isfinite, (progress.phase_seconds, progress.blind_seconds))):
        return "the clock gave no number: going back to stable"
    if progress.phase is Phase.STEPPING and not 0 <= progress.step < len(plan.steps):
        return f"the plan has no step {progress.step}: going back to stable"
    if progress.blind_seconds > plan.blind_seconds:
        return f"no signals of the candidate for {progress.blind_seconds:.0f} s"
    return ""


def _while_held(plan: Plan, progress: Progress) -> Decision:
    wish = progress.wish
    if wish is not None and wish.what == "promote":
        return Decision(Move.PROMOTE, f"{wish.by} promoted it: {wish.why or 'no reason given'}")
    if progress.phase_seconds >= plan.hold_seconds:
        return Decision(
            Move.ROLL_BACK, f"held for {plan.hold_seconds:.0f} s and nobody said to promote it"
        )
    left = plan.hold_seconds - progress.phase_seconds
    return Decision(Move.KEEP, f"waiting for a human, {left:.0f} s left; then it is rolled back")


def _while_watching(plan: Plan, progress: Progress, verdict: Verdict) -> Decision:
    wish = progress.wish
    if wish is not None and wish.what == "hold" and progress.phase_seconds < plan.hold_seconds:
        return Decision(Move.KEEP, f"{wish.by} holds it at 100 %: {wish.why or 'no reason given'}")
    if wish is not None and wish.what == "hold":
        return Decision(Move.ROLL_BACK, f"{wish.by} held it at 100 % and nobody came back to it")
    if progress.phase_seconds < plan.watch_seconds:
        return Decision(Move.KEEP, "all users are on the candidate; the previous build stays warm")
    missing = _missing_at_the_end(plan, progress)
    if missing and progress.phase_seconds < plan.watch_seconds + plan.patience_seconds:
        return Decision(Move.KEEP, missing)
    if missing:
        return Decision(Move.ROLL_BACK, f"watched long enough at 100 %: {missing}")
    return Decision(
        Move.FINISH, f"watched for {plan.watch_seconds:.0f} s at 100 %: {verdict.headline}"
    )


def _missing_at_the_end(plan: Plan, progress: Progress) -> str:
    if progress.blind_seconds > _FRESH_SECONDS:
        return f"the last signal is {progress.blind_seconds:.0f} s old"
    if progress.candidate_ready < progress.candidate_wanted:
        return f"{progress.candidate_ready} of {progress.candidate_wanted} copies are ready"
    least = max(1, plan.watch_requests)  # nothing becomes stable that no user has met at 100 %
    by_hand = progress.wish is not None and progress.wish.what == "promote"
    if progress.requests < least and not by_hand:
        return f"{progress.requests} of {least} requests at 100 %"
    return ""


def _while_stepping(plan: Plan, progress: Progress, verdict: Verdict) -> Decision:
    wish = progress.wish
    if wish is not None and wish.what == "promote":
        return Decision(Move.PROMOTE, f"{wish.by} promoted it: {wish.why or 'no reason given'}")
    if wish is not None and wish.what == "hold":
        return Decision(Move.HOLD, f"{wish.by} holds it: {wish.why or 'no reason given'}")
    step = plan.steps[progress.step]
    if progress.phase_seconds < step.seconds:
        return Decision(Move.KEEP, verdict.headline)
    if progress.blind_seconds > _FRESH_SECONDS:
        return _wait(plan, progress, f"the last signal is {progress.blind_seconds:.0f} s old")
    if progress.requests < step.minimum_requests:
        missing = f"{progress.requests} of {step.minimum_requests} requests at this step"
        return _wait(plan, progress, missing)
    return _at_the_end_of_a_step(plan, progress, verdict)


def _at_the_end_of_a_step(plan: Plan, progress: Progress, verdict: Verdict) -> Decision:
    if verdict.outcome is Outcome.ROLLBACK:
        return Decision(Move.ROLL_BACK, verdict.headline, blames_build=True)
    if progress.step + 1 < len(plan.steps):
        if verdict.outcome is Outcome.MANUAL:
            return _wait(plan, progress, verdict.headline)
        return Decision(Move.NEXT_STEP, f"nothing speaks against it: {verdict.headline}")
    if verdict.outcome is Outcome.PROMOTE:
        return Decision(Move.PROMOTE, verdict.headline)
    if verdict.outcome is Outcome.MANUAL:
        return Decision(Move.HOLD, verdict.headline)
    return _wait(plan, progress, verdict.headline)


def _wait(plan: Plan, progress: Progress, why: str) -> Decision:
    waited = progress.phase_seconds - plan.steps[progress.step].seconds
    if waited < plan.patience_seconds:
        return Decision(Move.KEEP, why)
    return Decision(Move.HOLD, f"waited {plan.patience_seconds:.0f} s longer than planned: {why}")
