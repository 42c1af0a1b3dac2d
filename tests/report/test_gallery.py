"""What is shown of a release is what its judge has heard, read from a real ledger."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
import pytest

from benchmarks.calibration.noises import Harm, noise_stream
from davylamp.errors import Refused
from davylamp.judge.policy import JudgePolicy
from davylamp.judge.sample import Role, Sample
from davylamp.judge.verdict import Outcome
from davylamp.ledger import evidence, releases
from davylamp.ledger.models import ReleaseState
from davylamp.ledger.session import Ledger
from davylamp.report import gallery
from davylamp.report.gallery import Gallery
from davylamp.report.plots import draw
from davylamp.rollout.conduct.bench import Bench
from davylamp.rollout.plan import Plan, PlanStep
from tests.release_defs.streams import BEGAN, samples_of

pytestmark = pytest.mark.server
POLICY = JudgePolicy()
PLAN = Plan((PlanStep(0.05, 0.05, 60, 50), PlanStep(0.2, 0.2, 60, 50)), 30, 300, 600)


@pytest.fixture
def release(ledger: Ledger) -> int:
    with ledger.begin() as db:
        opened = releases.open_release(
            db,
            service="checkout",
            image="1",
            plan=PLAN.document(),
            entry={},
            seed=1,
            requested_by="ana",
        )
        for step in (0, 1):
            state = ReleaseState.STEPPING
            releases.update_release(db, opened.id, state, "a step", state=state, step=step)
    return opened.id


def write(
    ledger: Ledger, samples: Mapping[Role, Sequence[Sample]], until: float = math.inf
) -> None:
    with ledger.begin() as db:
        found = [s for of_side in samples.values() for s in of_side if s.at <= until]
        evidence.write_samples(db, found)


def readings(release: int, harm: Harm | None = None, sides: int = 3) -> dict[Role, list[Sample]]:
    recording = noise_stream("bursts", 80, 4, ticks=100, sides=sides, harm=harm)
    return samples_of(recording, release)


def test_its_evidence_ends_as_the_judges_who_decides(ledger: Ledger, release: int) -> None:
    write(ledger, readings(release, Harm("errors", 0.3, 60)))
    bench = Bench(ledger, release, POLICY)
    bench.read()
    said = bench.hearing.verdict()

    track = Gallery(ledger, release, POLICY).scene().track

    assert said.outcome is Outcome.ROLLBACK
    assert track is not None
    assert np.exp(track.harm[-1]) == pytest.approx(said.e_value)


def test_looking_again_shows_what_looking_once_does(ledger: Ledger, release: int) -> None:
    samples = readings(release)
    often = Gallery(ledger, release, POLICY)
    for seconds in (10, 11, 50, 100):
        write(ledger, samples, until=BEGAN + seconds)
        scene = often.scene()

    once = Gallery(ledger, release, POLICY).scene()

    assert np.array_equal(scene.track.parts, once.track.parts)
    assert scene.began == once.began
    assert {r: len(s) for r, s in scene.sides.items()} == dict.fromkeys(Role, 100)


def test_the_steps_are_marked_with_their_share(ledger: Ledger, release: int) -> None:
    write(ledger, readings(release))

    marks = Gallery(ledger, release, POLICY).scene().marks

    assert [mark.text for mark in marks] == ["5%", "20%"]


def test_nothing_that_came_after_the_way_back_was_decided_is_evidence(
    ledger: Ledger, release: int
) -> None:
    write(ledger, readings(release))  # of 2023, and decided now: moved into the future
    with ledger.begin() as db:
        releases.note_decision(db, release, "somebody said so", ReleaseState.ROLLED_BACK)
        decided = releases.get_release(db, release).decided_at
    assert decided is not None
    later = {
        role: [_moved(s, decided.timestamp() - BEGAN - 50) for s in found]
        for role, found in readings(release).items()
    }
    write(ledger, later)

    track = Gallery(ledger, release, POLICY).scene().track

    assert track is not None
    assert track.at[-1] <= decided.timestamp()
    assert track.at[-1] > decided.timestamp() - 2


def test_the_watch_is_held_against_what_the_baseline_did_before(
    ledger: Ledger, release: int
) -> None:
    with ledger.begin() as db:
        state = ReleaseState.PROMOTING
        releases.update_release(db, release, state, "harm is excluded", state=state)
        began = next(e.at for e in releases.events_of(db, release) if e.kind == "promoting")
    shift = began.timestamp() - BEGAN - 60
    samples = {
        role: [_moved(s, shift) for s in found]
        for role, found in readings(release, sides=2).items()
    }
    samples[Role.BASELINE] = samples[Role.BASELINE][:71]
    write(ledger, samples)

    scene = Gallery(ledger, release, POLICY).scene()

    assert scene.marks[-1].text == "100%"
    assert scene.marks[-1].at == pytest.approx(began.timestamp() + 10)
    assert scene.track is not None
    assert len(scene.track) == 99  # the watch's first reading has none before it
    assert draw(scene)


def test_a_release_without_samples_has_nothing_to_show(ledger: Ledger, release: int) -> None:
    assert draw(Gallery(ledger, release, POLICY).scene()) == b""


def test_a_release_too_long_to_replay_says_so(
    ledger: Ledger, release: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(ledger, readings(release))
    monkeypatch.setattr(gallery, "_MOST_ROWS", 50)

    with pytest.raises(Refused, match="too many to draw"):
        Gallery(ledger, release, POLICY).scene()


def _moved(sample: Sample, seconds: float) -> Sample:
    return Sample(**{**vars(sample), "at": sample.at + seconds})
