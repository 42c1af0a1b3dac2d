"""A release is shown while it runs; what shows it never stands in its way."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import wait
from dataclasses import dataclass, field
from types import SimpleNamespace

import dagster as dg
import pytest

from davylamp.judge.verdict import SEQUENTIAL, MetricVerdict, Outcome, Verdict
from davylamp.rollout.conduct import Tick
from davylamp.rollout.state import Decision, Move, Phase, Progress
from release_defs.ops.live import Live
from release_defs.ops.rhythm import Rhythm

PNG = b"\x89PNG"
ERRORS = MetricVerdict("error_rate", "Pass", "0 % failed", candidate=0.0, baseline=0.0)


@dataclass
class Log:
    """An op's context, as far as `Live` uses it: keeps what is said."""

    shown: list[dg.AssetObservation] = field(default_factory=list)
    warned: list[str] = field(default_factory=list)
    broken: bool = False

    @property
    def log(self) -> SimpleNamespace:
        return SimpleNamespace(warning=self.warned.append)

    def log_event(self, event: dg.AssetObservation) -> None:
        if self.broken:
            raise OSError("no event log")
        self.shown.append(event)


@dataclass
class Stage:
    """A Live, a clock that is set by hand, and ticks a second apart."""

    live: Live
    log: Log
    now: list[float]

    def tick(self, outcome: Outcome = Outcome.CONTINUE, seconds: float = 1.0) -> None:
        self.now[0] += seconds
        self.live(tick_of(outcome))

    def drawn(self) -> None:
        """Let the painter come to rest."""
        wait([self.live._thread.submit(int)], 10)


def tick_of(outcome: Outcome) -> Tick:
    verdict = Verdict(outcome, f"it is {outcome}", SEQUENTIAL, (ERRORS,), e_value=0.5)
    return Tick(Progress(Phase.STEPPING, 0, 3.0, 100), 0.05, verdict, Decision(Move.KEEP, ""))


@pytest.fixture
def begin() -> Iterator[Callable[..., Stage]]:
    begun: list[Stage] = []

    def start(paint: Callable[[], bytes] = lambda: PNG, every: float = 15.0) -> Stage:
        now, log = [100.0], Log()
        live = Live(log, "checkout", paint, every, clock=lambda: now[0])
        begun.append(Stage(live, log, now))
        return begun[-1]

    yield start
    for stage in begun:
        stage.live.close()


def test_the_first_verdict_is_shown_with_figures_table_and_picture(
    begin: Callable[..., Stage],
) -> None:
    stage = begin()
    stage.tick()
    stage.drawn()
    stage.tick()

    (event,) = stage.log.shown
    assert event.asset_key == dg.AssetKey("verdict")
    assert event.partition == "checkout"
    assert event.description == "it is CONTINUE"
    assert list(event.metadata)[:4] == ["outcome", "judge", "headline", "evidence of harm"]
    assert list(event.metadata)[-2:] == ["verdict", "plots"]
    assert "data:image/png;base64," in event.metadata["plots"].value
    assert event.metadata["users on the candidate %"].value == 5.0


def test_an_unchanged_verdict_is_shown_again_after_the_set_time(
    begin: Callable[..., Stage],
) -> None:
    stage = begin(every=15.0)
    for _ in range(40):
        stage.tick()
        stage.drawn()

    assert len(stage.log.shown) == 3  # of the 1st, 16th and 31st second


def test_a_verdict_that_changes_is_shown_at_the_next_tick(begin: Callable[..., Stage]) -> None:
    stage = begin(every=1000.0)
    for outcome in (Outcome.CONTINUE, Outcome.CONTINUE, Outcome.PROMOTE, Outcome.PROMOTE):
        stage.tick(outcome, seconds=3.0)
        stage.drawn()

    assert [e.metadata["outcome"].value for e in stage.log.shown] == ["CONTINUE", "PROMOTE"]


def test_no_tick_waits_for_a_picture(begin: Callable[..., Stage]) -> None:
    finish = threading.Event()
    stage = begin(paint=lambda: finish.wait(20) and PNG)
    for _ in range(5):
        stage.tick()

    assert not finish.is_set()  # five ticks went by, and it is still being drawn
    assert stage.log.shown == []
    finish.set()


def test_a_picture_that_takes_too_long_is_left_out_and_that_is_logged(
    begin: Callable[..., Stage],
) -> None:
    finish = threading.Event()
    stage = begin(paint=lambda: finish.wait(20) and PNG)
    for _ in range(12):
        stage.tick()

    assert "plots" not in stage.log.shown[0].metadata
    assert "verdict" in stage.log.shown[0].metadata
    assert "not drawn in time" in stage.log.warned[0]
    finish.set()


def test_a_picture_that_fails_is_left_out_and_that_is_logged(begin: Callable[..., Stage]) -> None:
    def paint() -> bytes:
        raise ZeroDivisionError("no axes")

    stage = begin(paint)
    stage.tick()
    stage.drawn()
    stage.tick()

    assert "plots" not in stage.log.shown[0].metadata
    assert "no axes" in stage.log.warned[0]
    assert stage.live.last_picture() == {}


def test_an_event_log_that_fails_does_not_end_the_release(begin: Callable[..., Stage]) -> None:
    stage = begin()
    stage.log.broken = True
    stage.tick()
    stage.drawn()
    stage.tick()

    assert "no event log" in stage.log.warned[0]


def test_zero_seconds_shows_nothing_but_the_last_picture(begin: Callable[..., Stage]) -> None:
    stage = begin(every=0.0)
    for _ in range(40):
        stage.tick()

    assert stage.log.shown == []
    assert "plots" in stage.live.last_picture()


def test_a_release_that_was_never_judged_has_no_last_picture(begin: Callable[..., Stage]) -> None:
    assert begin().live.last_picture() == {}


def test_an_old_release_is_shown_more_rarely() -> None:
    rhythm, shown = Rhythm(15.0, began=0.0), []
    for second in range(4 * 3600):
        if rhythm.is_due(second, ("same",)):
            rhythm.note(second, ("same",))
            shown.append(second)

    assert shown[:5] == [0, 15, 30, 45, 60]
    assert len([s for s in shown if s < 600]) < 20
    assert len(shown) < 40


def test_a_verdict_that_flickers_is_shown_every_other_second() -> None:
    rhythm, shown = Rhythm(15.0, began=0.0), 0
    for second in range(20):
        if rhythm.is_due(second, (second,)):
            rhythm.note(second, (second,))
            shown += 1

    assert shown == 10
