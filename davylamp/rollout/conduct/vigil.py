"""Vigil: while a release waits for something else, its candidate is still being judged.

Growing to full size and raising a share can take minutes, in which users are on the candidate.
Every such wait renews the lease; with a vigil, renewing looks at the evidence too.
"""

from __future__ import annotations

import math
import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import replace

from davylamp.errors import Refused
from davylamp.rollout.conduct.session import Session
from davylamp.rollout.conduct.steps import watcher
from davylamp.rollout.state import Decision, Move, Phase


class HarmSeen(Refused):
    """The candidate has to go back, now."""

    def __init__(self, decision: Decision) -> None:
        super().__init__(decision.reason)
        self.blames_build = decision.blames_build


@contextmanager
def keeping_vigil(session: Session) -> Generator[None]:
    """Look once a second in all waits within. Raises `HarmSeen` out of them."""
    release = session.release()
    plan = replace(session.plan(), hold_seconds=math.inf)
    share = plan.steps[release.step].share
    watching = watcher(session, plan, Phase.HELD, release.step, share)
    due = time.monotonic() + 1.0

    def look() -> None:
        nonlocal due
        if time.monotonic() < due:
            return
        due = time.monotonic() + 1.0
        decision = watching.look().decision
        if decision.move is Move.ROLL_BACK:
            raise HarmSeen(decision)

    session.hold.vigil = look
    try:
        yield
    finally:
        session.hold.vigil = None
