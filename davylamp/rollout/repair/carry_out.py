"""plan and carry_out: one finding's repair."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from davylamp.errors import DavylampError
from davylamp.ledger import releases
from davylamp.ledger.instance import Instance
from davylamp.rollout.parts import Parts
from davylamp.rollout.repair.action import Action, Kind, action_for
from davylamp.rollout.repair.concern import Concern
from davylamp.rollout.repair.drain import drain, plan_drain
from davylamp.rollout.repair.missing import plan_start, start_missing
from davylamp.rollout.repair.planned import Done, Planned, State
from davylamp.rollout.repair.route import plan_route, restore_route
from davylamp.rollout.repair.sight import Sight, look

Planner = Callable[[Concern, Action, Sight, bool], Planned]
Act = Callable[[Parts, Planned, Sight, str], str]


def plan(
    parts: Parts,
    finding: Mapping[str, Any],
    is_named: bool = False,
    seen: Sequence[Instance] | None = None,
) -> Planned:
    """What would be done about a finding (its document), and what speaks against it; changes
    nothing. Raises `Unreachable`. `is_named`: somebody named its service or instance; `seen`: the
    platform's answer, where it was asked just now."""
    concern, action = Concern.of(finding), action_for(finding)
    if action.kind is Kind.BY_HAND:
        return Planned(concern, action, is_named=is_named)
    sight = look(parts, concern.service, seen)
    return _PLANNERS[action.kind](concern, action, sight, is_named)


def carry_out(parts: Parts, planned: Planned, by: str) -> Done:
    """Look again, and do it if it is still right. What is about to be done is in the ledger before,
    how it ended after. Raises `Unreachable` when nothing was begun."""
    kind = planned.action.kind
    if kind is Kind.BY_HAND:
        return Done(planned, planned.state, planned.said)
    sight = look(parts, planned.concern.service)
    again = _PLANNERS[kind](planned.concern, planned.action, sight, planned.is_named)
    if again.state is not State.PLANNED:
        return Done(again, again.state, again.said)
    record = _record_of(parts, sight)
    _write(parts, record, "repair", Done(again, again.state, f"{by}: {again.said}"))
    try:
        done = Done(again, State.DONE, _ACTS[kind](parts, again, sight, by))
    except DavylampError as error:
        done = Done(again, State.FAILED, str(error))
    _write(parts, record, f"repair_{done.state}", done)
    unwritten = "" if record else f"; the ledger has no release of {sight.service} to note it under"
    return Done(again, done.state, done.said + unwritten)


def _start(parts: Parts, _planned: Planned, sight: Sight, _by: str) -> str:
    return start_missing(parts, sight)


_PLANNERS: Mapping[Kind, Planner] = {
    Kind.DRAIN_INSTANCE: plan_drain,
    Kind.START_MISSING: plan_start,
    Kind.RESTORE_ROUTE: plan_route,
}
_ACTS: Mapping[Kind, Act] = {
    Kind.DRAIN_INSTANCE: drain,
    Kind.START_MISSING: _start,
    Kind.RESTORE_ROUTE: restore_route,
}


def _record_of(parts: Parts, sight: Sight) -> int | None:
    """The release whose history it goes into: that which made the service what it is, else its
    newest; None for a service without any."""
    if sight.live.stable_release_id is not None:
        return sight.live.stable_release_id
    with parts.ledger.begin() as db:
        newest = releases.recent_releases(db, sight.service, 1)
    return newest[0].id if newest else None


def _write(parts: Parts, release: int | None, kind: str, done: Done) -> None:
    if release is None:
        return
    concern = done.planned.concern
    message = f"{concern.code} {concern.where}: {done.said}"
    with parts.ledger.begin() as db:
        releases.append_event(db, release, kind, message, done.document())
