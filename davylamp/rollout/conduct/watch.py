"""One tick of a release with traffic: read the evidence, judge, decide, write down what is new."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from davylamp.judge.opinions import judge_step, weigh
from davylamp.judge.policy import JudgePolicy
from davylamp.judge.sample import Role, Series, series_of
from davylamp.judge.verdict import Evidence, Verdict
from davylamp.ledger import evidence, inventory
from davylamp.ledger.instance import Instance, InstanceState
from davylamp.ledger.releases import get_release
from davylamp.rollout.coexistence import Coexistence
from davylamp.rollout.conduct.ages import complaints_about
from davylamp.rollout.conduct.bench import Bench
from davylamp.rollout.conduct.hold_of_route import RouteHold
from davylamp.rollout.decide import decide
from davylamp.rollout.parts import Parts
from davylamp.rollout.plan import Plan
from davylamp.rollout.state import Decision, Move, Phase, Progress, Wish

_TICK_SECONDS = 1.0
_WRITE_EVERY_SECONDS = 30.0
_ALIVE = (InstanceState.READY, InstanceState.UNREACHABLE)


@dataclass(frozen=True)
class Tick:
    """What was seen and decided in one second of a release."""

    progress: Progress
    share: float
    verdict: Verdict
    decision: Decision


OnTick = Callable[[Tick], None]


@dataclass
class Watcher:
    """Watches one phase of a release until something has to be done.

    `bench` is what the judge has heard of the whole release; of the watch at 100 % it is one
    with a reference, since no baseline runs there.
    """

    parts: Parts
    hold: RouteHold
    plan: Plan
    policy: JudgePolicy
    guard: Coexistence
    phase: Phase
    step: int
    share: float
    bench: Bench
    wanted: int = 1
    """Copies there have to be at the end of the watch."""
    _began: float = field(default_factory=time.monotonic)
    _began_at: float = field(default_factory=time.time)
    _last_signal: float = field(default_factory=time.monotonic)
    _written: tuple[object, ...] = ()
    _written_at: float = 0.0

    def __post_init__(self) -> None:
        if self.phase is Phase.STEPPING:
            step = self.plan.steps[self.step]
            self.bench.hearing.intend(step.share, step.baseline_share, since=self._began_at)

    def until_decided(self, on_tick: OnTick, tick_seconds: float = _TICK_SECONDS) -> Tick:
        """Go on tick by tick until the decision is something else than to keep."""
        due = time.monotonic() + tick_seconds
        while True:
            tick = self.look()
            on_tick(tick)
            if tick.decision.move is not Move.KEEP:
                return tick
            self._sleep_until(due)
            due = max(due + tick_seconds, time.monotonic())

    def _sleep_until(self, due: float) -> None:
        """Sleep in short naps, so that an operator's roll-back is noticed at once."""
        while (left := due - time.monotonic()) > 0:
            time.sleep(min(left, 0.25))
            self.hold.renew()

    def look(self) -> Tick:
        """Read, judge, decide: once. Raises `FencedOff` when the route was taken away."""
        self.hold.renew()
        if self.hold.patiently(self.bench.read):
            self._last_signal = time.monotonic()
        candidate = series_of(self.bench.later_than(Role.CANDIDATE, self._began_at))
        progress, copies = self.hold.patiently(lambda: self._progress(candidate))
        verdict = self._verdict(candidate, complaints_about(copies, self.hold.release_id))
        tick = Tick(progress, self.share, verdict, decide(self.plan, progress, verdict, self.guard))
        self.hold.patiently(lambda: self._write_news(tick))
        return tick

    def _verdict(self, candidate: Series, complaints: Sequence[str]) -> Verdict:
        """The sequential judge's word on the release; at a step's end the fixed window's too."""
        said = self.bench.hearing.verdict(complaints)
        elapsed = time.monotonic() - self._began
        if self.phase is not Phase.STEPPING or elapsed < self.plan.steps[self.step].seconds:
            return said
        baseline = series_of(self.bench.later_than(Role.BASELINE, self._began_at))
        return weigh(
            said, judge_step(Evidence(candidate, baseline, elapsed), self.policy), self.policy
        )

    def _progress(self, candidate: Series) -> tuple[Progress, Sequence[Instance]]:
        with self.parts.ledger.begin() as db:
            release = get_release(db, self.hold.release_id)
            copies = inventory.instances_of(db, self.hold.service)
        wish = None
        if release.wish:
            wish = Wish(release.wish, release.wish_by or "", release.wish_reason or "")
        mine = [i for i in copies if i.release_id == release.id and i.role is Role.CANDIDATE]
        now = time.monotonic()
        progress = Progress(
            phase=self.phase,
            step=self.step,
            phase_seconds=now - self._began,
            requests=int(candidate.completed.sum()) if len(candidate) else 0,
            blind_seconds=now - self._last_signal,
            # a copy nobody could reach just now is not dead: if it is, its signals stop too
            candidate_ready=sum(i.state in _ALIVE for i in mine),
            candidate_wanted=self.wanted,
            wish=wish,
        )
        return progress, copies

    def _write_news(self, tick: Tick) -> None:
        """A verdict is written when it says something new, whenever it decides something, and
        now and then, so that a release under way can be looked at."""
        verdict, now = tick.verdict, time.monotonic()
        said = (verdict.outcome, verdict.judge, verdict.against)
        is_news = said != self._written or now - self._written_at > _WRITE_EVERY_SECONDS
        if not is_news and tick.decision.move is Move.KEEP:
            return
        self._written, self._written_at = said, now
        with self.parts.ledger.begin() as db:
            evidence.write_verdict(db, self.hold.release_id, self.step, verdict)
