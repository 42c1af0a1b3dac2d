"""restore_route: the route is written anew, with a generation that no router has yet."""

from __future__ import annotations

from davylamp.errors import Refused
from davylamp.ledger import releases, routes
from davylamp.rollout.conduct.hold_of_route import wait_for_stable
from davylamp.rollout.parts import Parts
from davylamp.rollout.repair.action import Action
from davylamp.rollout.repair.concern import Concern
from davylamp.rollout.repair.planned import Planned
from davylamp.rollout.repair.sight import Sight


def plan_route(concern: Concern, action: Action, sight: Sight, is_named: bool) -> Planned:
    """Pure. Without a release the intent is that stable has everybody: to say so again harms
    nobody. With one, its driver says what traffic should be."""
    route = sight.route
    if route is None:
        over = f"the ledger has no route of {sight.service}"
        return Planned(concern, action, over=over, is_named=is_named)
    step = (
        f"write the route of {sight.service} anew, as generation {route.generation + 1}: all users "
        f"on {sight.name_of(sight.stable)}; wait until a router is seen with it"
    )
    active = sight.active
    why = active and (
        f"release {active.id} is under way, and says itself what traffic should be: wait for its "
        f"end, or `davylamp rollback {sight.service}`"
    )
    against = (why,) if why else ()
    return Planned(concern, action, (step,), "", against, is_named)


def restore_route(parts: Parts, planned: Planned, _sight: Sight, by: str) -> str:
    """Raises `Refused` when a release has begun, or no router is seen with it in time."""
    service, seconds = planned.concern.service, parts.settings.confirm_seconds
    with parts.ledger.begin() as db:
        intent = routes.cut_route(db, service, f"put in force again by {by}")
        active = releases.active_release(db, service)  # the row is ours: none takes it meanwhile
        if active is not None:
            raise Refused(f"release {active.id} of {service} has begun meanwhile")
    if not wait_for_stable(parts.ledger, intent, seconds):
        raise Refused(
            f"generation {intent.generation} is written, and no router was seen with it within "
            f"{seconds:g} s: `davylamp status` shows whether controller and router are up"
        )
    return f"a router was seen with generation {intent.generation}"
