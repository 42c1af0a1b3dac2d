"""The steps of a release, and when each was taken: from its plan and its events. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from davylamp.ledger.models import ReleaseState
from davylamp.ledger.releases import Event, Release
from davylamp.rollout.plan import Plan

_STATES = frozenset(map(str, ReleaseState)) | {"made_stable"}
"""Kinds of events with which a step ends: the release goes on to something else."""


@dataclass(frozen=True)
class StepTaken:
    """One step as planned, and as it went. Shares of users in [0, 1]."""

    name: str
    share: float
    baseline_share: float
    planned_seconds: float
    minimum_requests: int
    began_at: datetime | None = None
    """None: it never came to it."""
    ended_at: datetime | None = None

    @property
    def seconds(self) -> float | None:
        if self.began_at is None or self.ended_at is None:
            return None
        return (self.ended_at - self.began_at).total_seconds()


def steps_taken(release: Release, events: Sequence[Event]) -> list[StepTaken]:
    """All planned steps, in order; the last is that of all users. None where the plan can't be
    read: another version of Davylamp wrote it."""
    try:
        plan = Plan.from_document(release.plan)
    except (KeyError, TypeError):
        return []
    found = [
        StepTaken(
            f"step {n + 1}",
            step.share,
            step.baseline_share,
            step.seconds,
            step.minimum_requests,
            *_when(events, ReleaseState.STEPPING, n),
        )
        for n, step in enumerate(plan.steps)
    ]
    all_users = _when(events, ReleaseState.PROMOTING, None)
    watch = StepTaken("all users", 1.0, 0.0, plan.watch_seconds, plan.watch_requests, *all_users)
    return [*found, watch]


def _when(
    events: Sequence[Event], state: ReleaseState, step: int | None
) -> tuple[datetime | None, datetime | None]:
    """From the event that began it to the next change of the release's state."""
    began: datetime | None = None
    for event in events:
        is_it = event.kind == str(state) and (step is None or event.data.get("step") == step)
        if began is None and is_it:
            began = event.at
        elif began is not None and event.kind in _STATES and not is_it:
            return began, event.at
    return began, None
