"""start_missing: as many copies of the stable build as the catalog says."""

from __future__ import annotations

from sqlalchemy import Connection

from davylamp.errors import Refused
from davylamp.fleet.protocol import StartOrder
from davylamp.judge.sample import Role
from davylamp.ledger import inventory, releases
from davylamp.ledger.instance import InstanceState
from davylamp.rollout.conduct.copies import planned_copies, stop_copies, wait_until_ready
from davylamp.rollout.databases import environment_of
from davylamp.rollout.parts import Parts
from davylamp.rollout.repair.action import Action
from davylamp.rollout.repair.concern import Concern
from davylamp.rollout.repair.planned import Planned
from davylamp.rollout.repair.sight import Sight


def plan_start(concern: Concern, action: Action, sight: Sight, is_named: bool) -> Planned:
    """Pure. Counts as the audit does: whatever runs is there, but a release's own copies."""
    beside = (Role.CANDIDATE, Role.BASELINE) if sight.active else ()
    there = sum(one.role not in beside for one in sight.running)
    if there >= sight.wanted:
        over = f"{there} copies of {sight.service} are there, and {sight.wanted} are wanted"
        return Planned(concern, action, over=over, is_named=is_named)
    why = why_not_start(sight)
    against = (why,) if why else ()
    return Planned(concern, action, (start_step(sight),), "", against, is_named)


def why_not_start(sight: Sight) -> str:
    """Empty when copies of the stable build may be started."""
    live, active = sight.live, sight.active
    if active is not None:
        return f"release {active.id} is under way, and starts and ends copies itself"
    if live.stable_image is None or live.stable_release_id is None:
        return f"{sight.service} has no stable build: release one"
    bad = sight.bad(sight.stable)
    if bad:
        return (
            f"its stable build {sight.name_of(sight.stable)} is known bad ({bad}): `davylamp "
            f"rollback {sight.service} --to VERSION`"
        )
    return "" if sight.entry else f"the catalog has no {sight.service}"


def start_step(sight: Sight) -> str:
    return (
        f"start {sight.missing} of {sight.wanted} copies with the stable build "
        f"{sight.name_of(sight.stable)}: {', '.join(_ids(sight))}"
    )


def start_missing(parts: Parts, sight: Sight) -> str:
    """Start them, and wait until they are ready. Raises `Refused`: a release has begun, or a copy
    doesn't come up. Copies that are ready by then stay, the others are ended.

    Whoever dies in here leaves copies of the stable build behind, which serve.
    """
    order = _order(parts, sight)
    with parts.ledger.begin() as db:
        _check_quiet(db, sight)
        inventory.assign(db, planned_copies(order))
    parts.platform.start(order)
    try:
        ready = wait_until_ready(parts.platform, [order], lambda: None)
    except Refused as error:
        late = _not_well(parts, order)
        stop_copies(parts, late, 2.0, str(error))
        raise
    try:
        with parts.ledger.begin() as db:
            _check_same_build(db, sight)
            inventory.observe(db, ready, whole_fleet=False)
    except Refused as error:  # a release that only began finds them, and ends them with the others
        stop_copies(parts, order.ids, 2.0, str(error))
        raise
    _forget_failed(parts, sight)
    return f"{len(ready)} copies of {sight.name_of(sight.stable)} were started and are ready"


def _ids(sight: Sight) -> tuple[str, ...]:
    """The first that are free: an order given twice starts nothing twice."""
    taken = {one.id for one in sight.copies}
    stem = f"{sight.service}-r{sight.live.stable_release_id}-{Role.STABLE.value}"
    numbered = (f"{stem}-{n}" for n in range(len(taken) + sight.missing))
    return tuple([name for name in numbered if name not in taken][: sight.missing])


def _order(parts: Parts, sight: Sight) -> StartOrder:
    entry, live = sight.entry, sight.live
    why = why_not_start(sight)
    if why or entry is None or live.stable_image is None:
        raise Refused(why)
    return StartOrder(
        ids=_ids(sight),
        service=sight.service,
        image=live.stable_image,
        digest=sight.stable,
        role=Role.STABLE,
        release_id=live.stable_release_id or 0,
        health_path=entry.health.path,
        start_seconds=entry.health.start_seconds,
        registry=entry.image.registry,
        environment={
            **entry.environment,
            **environment_of(parts.settings, entry, live.stable_version or ""),
        },
    )


def _check_quiet(db: Connection, sight: Sight) -> None:
    active = releases.active_release(db, sight.service)
    if active is not None:
        raise Refused(f"release {active.id} of {sight.service} has begun meanwhile")
    _check_same_build(db, sight)


def _check_same_build(db: Connection, sight: Sight) -> None:
    if inventory.live_service(db, sight.service).stable_digest != sight.stable:
        raise Refused(f"{sight.service} has another stable build meanwhile: look again")


def _not_well(parts: Parts, order: StartOrder) -> list[str]:
    """What was ordered, and isn't ready or runs something else."""
    mine = [one for one in parts.platform.instances() if one.id in order.ids]
    is_well = (InstanceState.READY, order.digest)
    return [one.id for one in mine if (one.state, one.digest) != is_well]


def _forget_failed(parts: Parts, sight: Sight) -> None:
    """Copies of the stable build that failed for good are replaced now."""
    failed = [
        one.id
        for one in sight.copies
        if one.state is InstanceState.FAILED and one.digest == sight.stable
    ]
    stop_copies(parts, failed, 2.0, "it had failed, and was replaced")
