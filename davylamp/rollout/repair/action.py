"""action_for: what is to be done about a finding, or why a person has to. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from davylamp.rollout.repair.concern import Concern


class Kind(StrEnum):
    DRAIN_INSTANCE = "drain_instance"
    """Have enough copies of the stable build, then take this one out and end it."""
    START_MISSING = "start_missing"
    """Start the copies of the stable build that are missing."""
    RESTORE_ROUTE = "restore_route"
    """Write the route anew, for the controller to put in force."""
    BY_HAND = "by_hand"
    """Nothing a job should do."""


@dataclass(frozen=True)
class Action:
    kind: Kind
    why: str
    """What it is for; or why it is for a person, and what that person does."""


_DRAIN = Action(Kind.DRAIN_INSTANCE, "it should not run; copies of the stable build should")

ACTIONS: Mapping[str, Action] = {
    "stale_instance": _DRAIN,
    "unknown_build": _DRAIN,
    "leftover_release": _DRAIN,
    "known_bad_build": _DRAIN,
    "unknown_service": _DRAIN,
    "missing_instances": Action(
        Kind.START_MISSING, "there should be as many copies as the catalog says"
    ),
    "route_drift": Action(
        Kind.RESTORE_ROUTE, "a new generation has the controller put the route in force again"
    ),
    "witness_disagrees": Action(
        Kind.BY_HAND,
        "one of the witnesses is wrong, and ending the copy ends the evidence: ask it at "
        "/.well-known/davylamp, look at its process, then have it ended",
    ),
    "duplicate_instance": Action(
        Kind.BY_HAND,
        "the id means two things, and to end it may end the wrong one: find out which report is "
        "true",
    ),
    "unreachable_instance": Action(
        Kind.BY_HAND,
        "who can't be seen can't be seen ending either: look whether it is there, and end it or "
        "cut it off where it runs",
    ),
    "retired_flag_read": Action(
        Kind.BY_HAND,
        "a flag's meaning is in the code that reads it: release a build without that code",
    ),
    "flag_reused": Action(
        Kind.BY_HAND,
        "whoever named the flag knows what it does: turn it off, and give it a new name",
    ),
    "stale_flag_set": Action(
        Kind.BY_HAND,
        "a restart may hide why it doesn't get the flags: look at what it last heard, then restart "
        "it",
    ),
    "schema_outside_contract": Action(
        Kind.BY_HAND,
        "data does not roll back: bring builds and database together, with `davylamp schema "
        "change` or a build that works with the database as it is",
    ),
    "overdue_contract": Action(
        Kind.BY_HAND,
        "a drop is for its owners to write and to approve: add the contract revision",
    ),
}
"""By code; a test holds it equal to the audit's."""
_UNKNOWN = Action(Kind.BY_HAND, "this version knows no repair for it; its detail says what to do")


def action_for(document: Mapping[str, Any]) -> Action:
    """What is to be done about a finding. Raises `BadInput` for what is no finding."""
    return ACTIONS.get(Concern.of(document).code, _UNKNOWN)
