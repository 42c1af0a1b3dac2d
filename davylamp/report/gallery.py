"""Gallery: the scene of a release, from its rows in the ledger. Looks again for what is new."""

from __future__ import annotations

from dataclasses import dataclass

from davylamp.catalog.model import Service
from davylamp.errors import Refused
from davylamp.judge.policy import JudgePolicy
from davylamp.judge.sample import Role, Series, series_of
from davylamp.judge.track import EvidenceTrack, TrackedHearing
from davylamp.ledger import evidence, releases
from davylamp.ledger.models import ReleaseState
from davylamp.ledger.releases import Event, Release
from davylamp.ledger.session import Ledger
from davylamp.report.plots.scene import Mark, Scene
from davylamp.rollout.conduct.bench import Bench
from davylamp.rollout.plan import Plan

_MOST_ROWS = 30_000
"""Samples and verdicts; some three hours. Replaying more takes longer than anybody would wait."""
_SILENT_TICKS = 5.0
"""Seconds without a request after which the baseline is taken to be out of the route."""


class TrackedBench(Bench):
    """A bench that keeps how the evidence went: the judge is the one that decides."""

    def __post_init__(self) -> None:
        self.tracked = TrackedHearing(self.policy, self.reference)
        self.hearing = self.tracked


@dataclass
class Gallery:
    """Reads what a release's judge has read, feeds a hearing of its own with it, and shows how
    that went. It shares nothing with the release it shows."""

    ledger: Ledger
    release_id: int
    policy: JudgePolicy

    def __post_init__(self) -> None:
        self._bench = TrackedBench(self.ledger, self.release_id, self.policy)
        self._watch: TrackedBench | None = None

    @classmethod
    def of(cls, ledger: Ledger, release_id: int, service: Service) -> Gallery:
        return cls(ledger, release_id, service.judge.policy())

    def scene(self) -> Scene:
        """Everything until now. Raises `Unreachable`, and `Refused` where it is too much."""
        with self.ledger.begin() as db:
            rows = evidence.count_rows(db, self.release_id)
            release = releases.get_release(db, self.release_id)
            events = releases.events_of(db, self.release_id)
        if rows > _MOST_ROWS:
            raise Refused(f"{rows} rows are too many to draw: the verdicts hold the figures")
        self._bench.read()
        sides = {role: series_of(found) for role, found in self._bench.samples.items()}
        began = _watch_began(events, sides)
        track = self._track(sides, began)
        if release.decided_end and release.decided_at:  # it is going back: nothing is judged now
            track = track.until(release.decided_at.timestamp())
        return Scene(sides, track, _marks(release, events, began))

    def _track(self, sides: dict[Role, Series], began: float | None) -> EvidenceTrack:
        """The comparison; then the watch at 100 %, held against what the baseline did before."""
        compared = self._bench.tracked.track()
        if began is None:
            return compared
        if self._watch is None or self._watch.since != began:
            reference = sides[Role.BASELINE]
            self._watch = TrackedBench(
                self.ledger, self.release_id, self.policy, reference, since=began
            )
        self._watch.read()
        return compared.until(began).then(self._watch.tracked.track())


def _watch_began(events: list[Event], sides: dict[Role, Series]) -> float | None:
    """When the route went to 100 % (Unix seconds): the promotion was on, and the baseline's
    requests ended while the candidate's went on. None: not yet."""
    promoted = [e.at.timestamp() for e in events if e.kind == str(ReleaseState.PROMOTING)]
    mine, theirs = (_last_request(sides.get(r)) for r in (Role.CANDIDATE, Role.BASELINE))
    if not promoted or mine is None or theirs is None:
        return None
    began = max(promoted[-1], theirs)
    return began if mine - began >= _SILENT_TICKS else None


def _last_request(side: Series | None) -> float | None:
    if side is None:
        return None
    busy = side.at[side.completed > 0]
    return float(busy[-1]) if len(busy) else None


def _marks(release: Release, events: list[Event], watch: float | None) -> tuple[Mark, ...]:
    """Where the share of users changed, and where somebody was asked."""
    steps = Plan.from_document(release.plan).steps
    found: list[Mark] = []
    for event in events:
        if event.kind == str(ReleaseState.STEPPING):
            step = steps[int(event.data["step"])]
            found.append(Mark(event.at.timestamp(), f"{step.share:.0%}"))
        elif event.kind == str(ReleaseState.HELD):
            found.append(Mark(event.at.timestamp(), "held"))
    return (*found, *([Mark(watch, "100%")] if watch is not None else []))
