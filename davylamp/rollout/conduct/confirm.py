"""Confirm: the new build is stable; the old copies go, and nothing else is left running.

Called by the release's driver, and by the keeper when that has died; also by both at once.
"""

from __future__ import annotations

import time

from davylamp.errors import FencedOff, Unreachable
from davylamp.judge.sample import Role
from davylamp.ledger import inventory, routes
from davylamp.ledger.instance import Instance, InstanceState
from davylamp.ledger.intent import RouteIntent
from davylamp.ledger.models import ReleaseState
from davylamp.ledger.releases import (
    Release,
    database_now,
    end_release,
    get_release,
    lock_release,
    update_release,
)
from davylamp.rollout.conduct.figures import figures_of, in_words
from davylamp.rollout.conduct.hold_of_route import wait_for_stable
from davylamp.rollout.entry import drain_seconds_of, entry_of
from davylamp.rollout.parts import Parts

_READY_SECONDS = 60.0
_GONE_SECONDS = 60.0
_PATIENCE_SECONDS = 600.0
"""How long after the decision a router may stay silent before the release is called unconfirmed."""


def confirm(parts: Parts, release_id: int, fence: int) -> Release:
    """See the router on the new build's copies, end the old ones, and look at what is left.

    A copy that runs anything else keeps the release from being called done, and is named.
    Raises `Unreachable` while no router answers; then it is tried again later.
    """
    release = _release(parts, release_id)
    if release.state is not ReleaseState.CONFIRMING:
        return release
    try:
        return _confirm(parts, release, fence)
    except FencedOff:  # somebody else ended it meanwhile
        return _release(parts, release_id)


def _confirm(parts: Parts, release: Release, fence: int) -> Release:
    if not _all_copies_are_ready(parts, release):
        return _unconfirmed(parts, release, "not all its copies are ready; the old ones are kept")
    intent = _give_route_back(parts, release, fence)
    if intent and not wait_for_stable(parts.ledger, intent, parts.settings.confirm_seconds):
        return _router_is_silent(parts, release)
    _stop_old_copies(parts, release)
    problem = _wait_until_only_the_new_build_runs(parts, release)
    if problem:
        return _unconfirmed(parts, release, problem)
    figures = figures_of(parts, release.id)
    with parts.ledger.begin() as db:
        update_release(db, release.id, "figures", in_words(figures), figures=figures)
        return end_release(db, release.id, ReleaseState.PROMOTED, release.reason)


def _all_copies_are_ready(parts: Parts, release: Release) -> bool:
    """The old copies stay until there are as many new ones as the service wants."""
    deadline = time.monotonic() + _READY_SECONDS
    wanted = entry_of(release).instances
    while True:
        mine = [i for i in parts.platform.instances() if i.release_id == release.id]
        ready = [i for i in mine if i.state is InstanceState.READY and i.role is not Role.BASELINE]
        if len(ready) >= wanted:
            with parts.ledger.begin() as db:
                inventory.observe(db, ready, whole_fleet=False)
            return True
        if time.monotonic() > deadline:
            return False
        time.sleep(0.2)


def _give_route_back(parts: Parts, release: Release, fence: int) -> RouteIntent | None:
    with parts.ledger.begin() as db:
        held = routes.read_route(db, release.service)
        if held is None or held.release_id != release.id:
            return held  # given back already: what has to be seen is what stands there now
        try:
            with db.begin_nested():
                return routes.leave_route(
                    db, release.service, fence, f"{release.version} is stable"
                )
        except FencedOff:
            return routes.forget_release(db, release.service, release.id)


def _stop_old_copies(parts: Parts, release: Release) -> None:
    """Whatever an earlier release started for this service, and this one's own baseline.

    A copy that no release started was put there by somebody else: it is named, not ended.
    """
    old = [i.id for i in _seen(parts, release) if _is_old(i, release)]
    with parts.ledger.begin() as db:
        if lock_release(db, release.id).state is not ReleaseState.CONFIRMING:
            raise FencedOff(f"release {release.id} is not being confirmed any more")
        inventory.mark_stopped(db, old, f"replaced by {release.version}")
    if old:
        parts.platform.stop(old, drain_seconds_of(release))


def _is_old(copy: Instance, release: Release) -> bool:
    if copy.release_id == release.id:
        return copy.role is Role.BASELINE
    return 0 < copy.release_id < release.id


def _wait_until_only_the_new_build_runs(parts: Parts, release: Release) -> str:
    """What is wrong after all the waiting; empty when all is well."""
    deadline = time.monotonic() + _GONE_SECONDS
    while True:
        seen = _seen(parts, release)
        left = [i for i in seen if i.digest != release.digest or _is_old(i, release)]
        if not left:
            return ""
        if time.monotonic() > deadline or not any(_is_old(i, release) for i in left):
            names = ", ".join(f"{i.id} ({i.digest[:19]}, {i.state})" for i in left)
            return f"still running another build: {names}"
        time.sleep(0.1)


def _router_is_silent(parts: Parts, release: Release) -> Release:
    with parts.ledger.begin() as db:
        waited = database_now(db) - (release.decided_at or release.created_at)
    if waited.total_seconds() > _PATIENCE_SECONDS:
        return _unconfirmed(parts, release, "no router was seen with it; the old copies are kept")
    raise Unreachable(
        f"{release.version} is the stable build of {release.service}, but no router was seen with "
        "it yet; the keeper goes on asking, and `davylamp status` shows the controller"
    )


def _unconfirmed(parts: Parts, release: Release, why: str) -> Release:
    with parts.ledger.begin() as db:
        return end_release(db, release.id, ReleaseState.UNCONFIRMED, f"promoted, but {why}")


def _seen(parts: Parts, release: Release) -> list[Instance]:
    return [i for i in parts.platform.instances() if i.service == release.service]


def _release(parts: Parts, release_id: int) -> Release:
    with parts.ledger.begin() as db:
        return get_release(db, release_id)
