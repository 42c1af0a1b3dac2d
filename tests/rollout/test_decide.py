from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from davylamp.builds.contract import Contract
from davylamp.catalog.model import ReleasePolicy
from davylamp.judge.verdict import Outcome, Verdict
from davylamp.rollout.coexistence import Coexistence, Conflict, LiveBuild, check_coexistence
from davylamp.rollout.decide import decide
from davylamp.rollout.plan import Plan, PlanStep, canary_plan
from davylamp.rollout.state import Move, Phase, Progress, Wish

PLAN = Plan(
    steps=(PlanStep(0.01, 0.01, 60, 50), PlanStep(0.25, 0.25, 120, 200)),
    watch_seconds=30,
    patience_seconds=300,
    hold_seconds=600,
)
FREE = Coexistence()
FIRST, LAST = 0, 1


def verdict(outcome: Outcome, judge: str = "fail-ratio") -> Verdict:
    return Verdict(outcome, f"the judge says {outcome}", judge)


def progress(**changes: object) -> Progress:
    base = Progress(Phase.STEPPING, LAST, phase_seconds=121, requests=500)
    return replace(base, **changes)


numbers = st.one_of(
    st.floats(0, 1e5), st.sampled_from([float("nan"), float("inf"), -1.0, 0.0, 1e300])
)
progresses = st.builds(
    Progress,
    phase=st.sampled_from(Phase),
    step=st.integers(-3, 5),
    phase_seconds=numbers,
    requests=st.integers(-1, 10**9),
    blind_seconds=numbers,
    candidate_ready=st.integers(-1, 5),
    wish=st.one_of(
        st.none(),
        st.builds(Wish, st.sampled_from(["promote", "hold", "dance"]), st.text(), st.text()),
    ),
)
verdicts = st.builds(
    Verdict,
    st.sampled_from(Outcome),
    st.text(min_size=1),
    st.sampled_from(["sequential", "fail-ratio", "score"]),
)
guards = st.sampled_from([FREE, Coexistence((Conflict("2.0.0", "1.0.0", "it writes x"),))])


@given(progresses, verdicts, guards)
def test_every_input_has_an_answer_with_a_reason(p: Progress, v: Verdict, g: Coexistence) -> None:
    decision = decide(PLAN, p, v, g)
    assert decision.move in Move
    assert decision.reason


@given(progresses, verdicts, guards)
def test_all_users_are_only_reached_by_a_promote_verdict_or_a_person(
    p: Progress, v: Verdict, g: Coexistence
) -> None:
    if decide(PLAN, p, v, g).move is Move.PROMOTE:
        by_hand = p.wish is not None and p.wish.what == "promote"
        assert by_hand or (v.outcome is Outcome.PROMOTE and p.step == LAST)


@given(progresses, guards)
def test_gross_harm_always_rolls_back(p: Progress, g: Coexistence) -> None:
    harm = verdict(Outcome.ROLLBACK, "sequential")
    assert decide(PLAN, p, harm, g).move is Move.ROLL_BACK


@given(progresses, verdicts)
def test_a_conflict_always_rolls_back_and_names_it(p: Progress, v: Verdict) -> None:
    guard = Coexistence((Conflict("2.0.0", "1.0.0", "it writes x"),))
    decision = decide(PLAN, p, v, guard)
    assert decision.move is Move.ROLL_BACK
    assert "2.0.0 can't run beside 1.0.0" in decision.reason


@given(progresses, verdicts)
def test_without_a_living_candidate_or_signals_nothing_goes_on(p: Progress, v: Verdict) -> None:
    dead, blind = replace(p, candidate_ready=0), replace(p, blind_seconds=16.0)
    assert decide(PLAN, dead, v, FREE).move is Move.ROLL_BACK
    assert decide(PLAN, blind, v, FREE).move is Move.ROLL_BACK


@given(verdicts)
def test_a_step_is_not_left_before_its_time_or_its_requests(v: Verdict) -> None:
    if v.judge == "sequential":
        return
    early = decide(PLAN, progress(phase_seconds=119), v, FREE)
    thin = decide(PLAN, progress(requests=199), v, FREE)
    assert (early.move, thin.move) == (Move.KEEP, Move.KEEP)


def test_a_step_below_the_last_is_left_when_nothing_speaks_against_the_candidate() -> None:
    at = progress(step=FIRST, phase_seconds=61, requests=50)
    for outcome in (Outcome.PROMOTE, Outcome.CONTINUE):
        assert decide(PLAN, at, verdict(outcome), FREE).move is Move.NEXT_STEP
    assert decide(PLAN, at, verdict(Outcome.MANUAL), FREE).move is Move.KEEP
    assert decide(PLAN, at, verdict(Outcome.ROLLBACK), FREE).move is Move.ROLL_BACK


def test_going_to_everybody_needs_a_promote() -> None:
    moves = {o: decide(PLAN, progress(), verdict(o), FREE).move for o in Outcome}
    assert moves == {
        Outcome.PROMOTE: Move.PROMOTE,
        Outcome.ROLLBACK: Move.ROLL_BACK,
        Outcome.MANUAL: Move.HOLD,
        Outcome.CONTINUE: Move.KEEP,
    }


def test_patience_ends_in_a_hold_never_in_a_promotion() -> None:
    late = progress(phase_seconds=120 + 301)
    assert decide(PLAN, late, verdict(Outcome.CONTINUE), FREE).move is Move.HOLD
    starved = replace(late, requests=3)
    assert decide(PLAN, starved, verdict(Outcome.PROMOTE), FREE).move is Move.HOLD


def test_a_held_release_nobody_answers_for_is_rolled_back() -> None:
    held = progress(phase=Phase.HELD, phase_seconds=599)
    assert decide(PLAN, held, verdict(Outcome.PROMOTE), FREE).move is Move.KEEP
    silent = replace(held, phase_seconds=600.0)
    assert decide(PLAN, silent, verdict(Outcome.PROMOTE), FREE).move is Move.ROLL_BACK
    promoted = replace(silent, wish=Wish("promote", "ana"))
    assert decide(PLAN, promoted, verdict(Outcome.CONTINUE), FREE).move is Move.PROMOTE


def test_the_watch_at_everybody_finishes_in_time_or_waits_for_whoever_holds_it() -> None:
    watching = progress(phase=Phase.WATCHING, phase_seconds=29)
    assert decide(PLAN, watching, verdict(Outcome.CONTINUE), FREE).move is Move.KEEP
    over = replace(watching, phase_seconds=30.0)
    assert decide(PLAN, over, verdict(Outcome.CONTINUE), FREE).move is Move.FINISH
    held = replace(over, wish=Wish("hold", "ana"))
    assert decide(PLAN, held, verdict(Outcome.CONTINUE), FREE).move is Move.KEEP
    forgotten = replace(held, phase_seconds=600.0)
    assert decide(PLAN, forgotten, verdict(Outcome.CONTINUE), FREE).move is Move.ROLL_BACK


def test_nothing_becomes_stable_unseen_or_with_too_few_copies() -> None:
    over = progress(phase=Phase.WATCHING, phase_seconds=31, candidate_wanted=4, candidate_ready=4)
    assert decide(PLAN, over, verdict(Outcome.CONTINUE), FREE).move is Move.FINISH
    for missing in (replace(over, blind_seconds=5.0), replace(over, candidate_ready=3)):
        assert decide(PLAN, missing, verdict(Outcome.CONTINUE), FREE).move is Move.KEEP
        late = replace(missing, phase_seconds=331.0)
        assert decide(PLAN, late, verdict(Outcome.CONTINUE), FREE).move is Move.ROLL_BACK


@given(progresses, verdicts, guards, st.integers(0, 300))
def test_nothing_becomes_stable_that_too_few_users_have_met_unless_a_person_promoted_it(
    p: Progress, v: Verdict, g: Coexistence, least: int
) -> None:
    watching = replace(p, phase=Phase.WATCHING, phase_seconds=abs(p.phase_seconds))
    if decide(replace(PLAN, watch_requests=least), watching, v, g).move is Move.FINISH:
        by_hand = p.wish is not None and p.wish.what == "promote"
        assert by_hand or p.requests >= max(1, least)


def test_a_watch_without_requests_waits_and_is_then_taken_back() -> None:
    plan = replace(PLAN, watch_requests=40)
    over = progress(phase=Phase.WATCHING, phase_seconds=31.0, requests=39)
    assert decide(plan, over, verdict(Outcome.CONTINUE), FREE).move is Move.KEEP
    late = decide(plan, replace(over, phase_seconds=331.0), verdict(Outcome.CONTINUE), FREE)
    assert (late.move, "39 of 40 requests" in late.reason) == (Move.ROLL_BACK, True)
    seen = replace(over, requests=40)
    assert decide(plan, seen, verdict(Outcome.CONTINUE), FREE).move is Move.FINISH
    by_hand = replace(over, requests=0, wish=Wish("promote", "ana"))
    assert decide(plan, by_hand, verdict(Outcome.CONTINUE), FREE).move is Move.FINISH


def test_the_last_step_of_the_catalog_says_how_many_requests_the_watch_needs() -> None:
    steps = [{"share": 0.5}, {"share": 1.0, "minimum_requests": 70}]
    plan = canary_plan(ReleasePolicy.model_validate({"steps": steps}))
    assert plan.watch_requests == 70
    assert Plan.from_document(plan.document()) == plan


def test_no_share_is_raised_on_old_signals() -> None:
    stale = progress(blind_seconds=5.0)
    assert decide(PLAN, stale, verdict(Outcome.PROMOTE), FREE).move is Move.KEEP
    first = replace(stale, step=FIRST, phase_seconds=61.0)
    assert decide(PLAN, first, verdict(Outcome.CONTINUE), FREE).move is Move.KEEP


def test_only_a_build_that_was_found_wanting_is_blamed() -> None:
    at_the_end = progress()
    blamed = {
        "harm": decide(PLAN, at_the_end, verdict(Outcome.ROLLBACK, "sequential"), FREE),
        "window": decide(PLAN, at_the_end, verdict(Outcome.ROLLBACK), FREE),
        "dead": decide(
            PLAN, replace(at_the_end, candidate_ready=0), verdict(Outcome.CONTINUE), FREE
        ),
    }
    assert all(d.move is Move.ROLL_BACK and d.blames_build for d in blamed.values())
    blind = decide(PLAN, replace(at_the_end, blind_seconds=60.0), verdict(Outcome.CONTINUE), FREE)
    assert (blind.move, blind.blames_build) == (Move.ROLL_BACK, False)


def test_a_build_that_writes_what_another_cannot_read_is_kept_apart() -> None:
    old = Contract(reads_values={"orders.status": ("open", "paid")})
    new = Contract(writes_values={"orders.status": ("open", "refunded")})
    found = check_coexistence(new, "2.0.0", [LiveBuild("1.0.0", ("i1",), old)])
    assert [str(c) for c in found.conflicts] == [
        "2.0.0 can't run beside 1.0.0: it writes orders.status = 'refunded', "
        "which the other can't read"
    ]
    backwards = check_coexistence(old, "1.0.0", [LiveBuild("2.0.0", ("i1",), new)])
    assert backwards.conflicts[0].subject == "2.0.0"


def test_a_live_build_the_ledger_does_not_know_is_a_conflict_that_names_where_it_runs() -> None:
    found = check_coexistence(Contract(), "2.0.0", [LiveBuild("sha256:ab", ("i8",), None)])
    assert "i8" in str(found.conflicts[0])
