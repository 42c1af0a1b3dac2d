"""Planned: what a repair would do, and what speaks against it. Done: what became of it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from davylamp.rollout.repair.action import Action, Kind
from davylamp.rollout.repair.concern import Concern


class State(StrEnum):
    PLANNED = "planned"
    """A dry run: this would be done."""
    DONE = "done"
    NOT_NEEDED = "not_needed"
    """The finding holds no longer."""
    BY_HAND = "by_hand"
    REFUSED = "refused"
    """Something speaks against it; nothing was changed."""
    FAILED = "failed"
    """It was begun, and did not end well."""


@dataclass(frozen=True)
class Planned:
    """What would be done about one finding, on what, and why or why not."""

    concern: Concern
    action: Action
    steps: tuple[str, ...] = ()
    over: str = ""
    """Why the finding holds no longer; empty while it does."""
    against: tuple[str, ...] = ()
    """Each is reason enough to leave it."""
    is_named: bool = False
    """Whether somebody named the service or the instance, and so means just this."""

    @property
    def state(self) -> State:
        if self.action.kind is Kind.BY_HAND:
            return State.BY_HAND
        if self.over:
            return State.NOT_NEEDED
        return State.REFUSED if self.against else State.PLANNED

    @property
    def said(self) -> str:
        reasons = {
            State.BY_HAND: self.action.why,
            State.NOT_NEEDED: self.over,
            State.REFUSED: "; ".join(self.against),
        }
        return reasons.get(self.state, "; then ".join(self.steps))


@dataclass(frozen=True)
class Done:
    """How one finding's repair ended, or what a dry run says of it."""

    planned: Planned
    state: State
    said: str

    def document(self) -> dict[str, Any]:
        concern, planned = self.planned.concern, self.planned
        return {
            "code": concern.code,
            "severity": concern.severity,
            "service": concern.service or None,
            "instance": concern.instance or None,
            "detail": concern.detail,
            "action": planned.action.kind.value,
            "steps": list(planned.steps),
            "against": list(planned.against),
            "state": self.state.value,
            "said": self.said,
        }
