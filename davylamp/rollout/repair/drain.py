"""drain_instance: enough copies of the stable build first; then this one goes."""

from __future__ import annotations

import time

from davylamp.errors import Refused
from davylamp.ledger.instance import Instance
from davylamp.ledger.models import ReleaseState
from davylamp.rollout.conduct.copies import stop_copies
from davylamp.rollout.parts import Parts
from davylamp.rollout.repair.action import Action
from davylamp.rollout.repair.concern import Concern
from davylamp.rollout.repair.holds import why_over
from davylamp.rollout.repair.missing import start_missing, start_step, why_not_start
from davylamp.rollout.repair.planned import Planned
from davylamp.rollout.repair.sight import Sight, look

_GRACE_SECONDS = 10.0
_GONE_SECONDS = 30.0


def plan_drain(concern: Concern, action: Action, sight: Sight, is_named: bool) -> Planned:
    """Pure. Refuses what would leave users with nobody, and what a release is about to do."""
    over = why_over(concern, sight)
    copy = sight.copy(concern.instance)
    if over or copy is None:
        return Planned(concern, action, over=over, is_named=is_named)
    starts = _starts(sight)
    step = (
        f"take {copy.id} ({sight.name_of(copy.digest)}, {copy.role.value}) out of the routes and "
        f"end it, with {_grace(sight):g} s to finish"
    )
    steps = (start_step(sight), step) if starts else (step,)
    against = _against(copy, sight, is_named, others_come=starts)
    return Planned(concern, action, steps, "", against, is_named)


def drain(parts: Parts, planned: Planned, sight: Sight, by: str) -> str:
    """Raises `Refused` when it can't be done, or isn't right any more; nobody is left without a
    ready copy of the stable build."""
    concern = planned.concern
    said = [_start_what_can(parts, sight)] if _starts(sight) else []
    now = look(parts, concern.service)
    copy = now.copy(concern.instance)
    over = why_over(concern, now)
    if copy is None or over:
        return "; ".join([*said, over])
    against = _against(copy, now, planned.is_named, others_come=False)
    if against:
        raise Refused("; ".join([*said, *against]))
    stop_copies(parts, [copy.id], _grace(now), f"ended by {by}: {concern.code}")
    _check_gone(parts, copy)
    return "; ".join([*said, f"{copy.id} is ended"])


def _starts(sight: Sight) -> bool:
    return bool(sight.missing) and not why_not_start(sight)


def _start_what_can(parts: Parts, sight: Sight) -> str:
    """A copy that should not run has no users of the router's: where others are ready, it goes
    even if what should run in its place doesn't come up."""
    try:
        return start_missing(parts, sight)
    except Refused as error:
        return str(error)


def _against(copy: Instance, sight: Sight, is_named: bool, others_come: bool) -> tuple[str, ...]:
    reasons = (_of_release(copy, sight), _nobody_left(copy, sight, is_named, others_come))
    return tuple(filter(None, reasons))


def _of_release(copy: Instance, sight: Sight) -> str:
    active = sight.active
    if active is None:
        return ""
    if copy.release_id == active.id:
        return (
            f"{copy.id} is part of release {active.id}, which is under way: `davylamp rollback "
            f"{sight.service}` takes all of that back"
        )
    if active.state is ReleaseState.CONFIRMING:
        return f"release {active.id} is about to end the old copies itself: wait for its end"
    return ""


def _nobody_left(copy: Instance, sight: Sight, is_named: bool, others_come: bool) -> str:
    """`others_come`: copies of the stable build are started before."""
    if sight.entry is None:
        return "" if is_named else _LEFT_THE_CATALOG.format(sight.service)
    if copy.digest == sight.stable and sight.bad(copy.digest):
        return (
            f"its build is the stable one, and all copies run it: `davylamp rollback "
            f"{sight.service} --to VERSION`"
        )
    if others_come or sight.ready_but(copy.id):
        return ""
    why = why_not_start(sight) or "those there are have not come up"
    return f"{sight.service} has no ready copy of its stable build to take over: {why}"


_LEFT_THE_CATALOG = (
    "it may be the catalog that is wrong: name it (--service {0}) to say that {0} is to go"
)


def _grace(sight: Sight) -> float:
    return sight.entry.release.drain_seconds if sight.entry else _GRACE_SECONDS


def _check_gone(parts: Parts, copy: Instance) -> None:
    deadline = time.monotonic() + _GONE_SECONDS
    while any(one.id == copy.id for one in parts.platform.instances()):
        if time.monotonic() > deadline:
            raise Refused(f"{copy.id} was told to end, and its platform still shows it")
        time.sleep(0.1)
