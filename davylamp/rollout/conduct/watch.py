"""One tick of a release with traffic: read the evidence, judge, decide, write down what is new."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from davylamp.judge.hearing import judge
from davylamp.judge.policy import JudgePolicy
from davylamp.judge.sample import Role, Sample, Series, series_of
from davylamp.judge.verdict import Evidence, Verdict
from davylamp.ledger import evidence, inventory
from davylamp.ledger.instance import InstanceState
from davylamp.ledger.releases import get_release
from davylamp.rollout.coexistence import Coexistence
from davylamp.rollout.conduct.hold_of_route import RouteHold
from davylamp.rollout.decide import decide
from davylamp.rollout.parts import Parts
from davylamp.rollout.plan import Plan
from davylamp.rollout.state import Decision, Move, Phase, Progress, Wish

_TICK_SECONDS = 1.0
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

    `reference` is the baseline's series of an earlier phase, for the watch at 100 %, where no
    baseline runs.
    """

    parts: Parts
    hold: RouteHold
    plan: Plan
    policy: JudgePolicy
    guard: Coexistence
    phase: Phase
    step: int
    share: float
    reference: Series | None = None
    wanted: int = 1
    """Copies there have to be at the end of the watch."""
    _samples: dict[Role, list[Sample]] = field(default_factory=dict[Role, list[Sample]])
    _began: float = field(default_factory=time.monotonic)
    _began_at: float = field(default_factory=time.time)
    _last_signal: float = field(default_factory=time.monotonic)
    _written: tuple[object, ...] = ()

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
        self.hold.patiently(self._read_samples)
        seen = self._evidence()
        verdict = judge(seen, self.policy)
        progress = self.hold.patiently(lambda: self._progress(seen.candidate))
        tick = Tick(progress, self.share, verdict, decide(self.plan, progress, verdict, self.guard))
        self.hold.patiently(lambda: self._write_news(tick))
        return tick

    def _read_samples(self) -> None:
        # none from before the share was confirmed: what lies between was another share's
        newest = max((s[-1].at for s in self._samples.values() if s), default=self._began_at)
        with self.parts.ledger.begin() as db:
            news = evidence.read_samples(db, self.hold.release_id, after=newest)
        for role, found in news.items():
            self._samples.setdefault(role, []).extend(found)
        if news[Role.CANDIDATE]:
            self._last_signal = time.monotonic()

    def _evidence(self) -> Evidence:
        candidate = series_of(self._samples.get(Role.CANDIDATE, []))
        elapsed = time.monotonic() - self._began
        if self.reference is not None:
            return Evidence(candidate, self.reference, elapsed, simultaneous=False)
        return Evidence(candidate, series_of(self._samples.get(Role.BASELINE, [])), elapsed)

    def _progress(self, candidate: Series) -> Progress:
        with self.parts.ledger.begin() as db:
            release = get_release(db, self.hold.release_id)
            copies = inventory.instances_of(db, self.hold.service)
        wish = None
        if release.wish:
            wish = Wish(release.wish, release.wish_by or "", release.wish_reason or "")
        mine = [i for i in copies if i.release_id == release.id and i.role is Role.CANDIDATE]
        now = time.monotonic()
        return Progress(
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

    def _write_news(self, tick: Tick) -> None:
        """A verdict is written when it says something new, and whenever it decides something."""
        verdict = tick.verdict
        said = (verdict.outcome, verdict.judge, verdict.against)
        if said == self._written and tick.decision.move is Move.KEEP:
            return
        self._written = said
        with self.parts.ledger.begin() as db:
            evidence.write_verdict(db, self.hold.release_id, self.step, verdict)
