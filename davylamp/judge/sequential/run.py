"""Judge recorded streams to their end: many side by side, each as if it were alone."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from davylamp.judge.recording import Recording
from davylamp.judge.sample import Floats
from davylamp.judge.sequential.judges import Judges, Look
from davylamp.judge.sequential.policy import SequentialPolicy
from davylamp.judge.sequential.ruling import Ruling, rule
from davylamp.judge.sequential.stack import key_of, shape_of, ticks_of
from davylamp.judge.sequential.tick import BASELINE, CANARY, SIDE_NAMES
from davylamp.judge.whole_window import other_judges

SIDE_BY_SIDE = 64
"""Streams fed together: more need more memory and save no time."""


@dataclass(frozen=True)
class Track:
    """How one stream's evidence went: natural logarithms, one row a tick."""

    harm: Floats
    tests: Floats


def judge_recordings(
    recordings: Sequence[Recording], policy: SequentialPolicy | None = None
) -> list[Ruling]:
    """One ruling a recording, in their order. ROLLBACK as soon as harm is shown."""
    policy = policy or SequentialPolicy()
    groups: defaultdict[tuple[object, ...], list[int]] = defaultdict(list)
    for i, recording in enumerate(recordings):
        groups[key_of(recording)].append(i)
    found: dict[int, Ruling] = {}
    for places in groups.values():
        for start in range(0, len(places), SIDE_BY_SIDE):
            some = places[start : start + SIDE_BY_SIDE]
            rulings = _judge_alike([recordings[i] for i in some], policy)
            found |= dict(zip(some, rulings, strict=True))
    return [found[i] for i in range(len(recordings))]


def log_intended(recordings: Sequence[Recording]) -> Floats:
    """(B,): log of the intended ratio of candidate's to baseline's requests; NaN: not said."""
    shares = [[r.share.get(SIDE_NAMES[s], np.nan) for s in (CANARY, BASELINE)] for r in recordings]
    mine, theirs = np.array(shares).T
    usable = (mine > 0) & (theirs > 0)
    return np.where(usable, np.log(np.where(usable, mine, 1) / np.where(usable, theirs, 1)), np.nan)


def _judge_alike(recordings: Sequence[Recording], policy: SequentialPolicy) -> list[Ruling]:
    judges = Judges(shape_of(recordings), policy, log_intended(recordings))
    rulings: dict[int, Ruling] = {}
    promotable_at: dict[int, int] = {}
    for t, tick in enumerate(ticks_of(recordings)):
        look = judges.feed(tick)
        for i in np.flatnonzero(look.is_promotable).tolist():
            promotable_at.setdefault(i, t)
        for i, recording in enumerate(recordings):
            is_last = t == len(recording) - 1
            if i not in rulings and t < len(recording) and (look.must_go_back(i) or is_last):
                ruling = rule(judges, look, i, recording, t, promotable_at.get(i))
                rulings[i] = replace(ruling, other_judges=other_judges(recording, t + 1))
        if len(rulings) == len(recordings):
            break
    return [rulings[i] for i in range(len(recordings))]


def track(recording: Recording, policy: SequentialPolicy | None = None) -> tuple[Track, Look]:
    """Feed the whole of one stream, whatever is shown on the way: for plots and studies."""
    judges = Judges(shape_of([recording]), policy or SequentialPolicy(), log_intended([recording]))
    looks = [judges.feed(tick) for tick in ticks_of([recording])]
    harm = np.array([look.harm[0] for look in looks])
    return Track(harm, np.array([look.tests[0] for look in looks])), looks[-1]
