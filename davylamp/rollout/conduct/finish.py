"""Taking a release back, and picking up one whose driver died.

Everything here may be called twice, and by another process than the one that began it: each
step looks at the release's row, locked, before it changes anything.
"""

from __future__ import annotations

from davylamp.errors import DavylampError, FencedOff
from davylamp.ledger import inventory, routes
from davylamp.ledger.intent import RouteIntent
from davylamp.ledger.models import ReleaseState
from davylamp.ledger.releases import (
    Release,
    append_event,
    end_release,
    get_release,
    lock_release,
    note_decision,
    update_release,
)
from davylamp.rollout.conduct.confirm import confirm
from davylamp.rollout.conduct.copies import copies_of_release, stop_copies
from davylamp.rollout.conduct.figures import figures_of, in_words
from davylamp.rollout.conduct.hold_of_route import wait_for_stable
from davylamp.rollout.conduct.second_opinion import blame
from davylamp.rollout.contamination import CONTAMINATED, report_contamination
from davylamp.rollout.entry import drain_seconds_of
from davylamp.rollout.parts import Parts

_NOT_STABLE = (ReleaseState.ROLLED_BACK, ReleaseState.REFUSED, ReleaseState.ABANDONED)


class AlreadyStable(FencedOff):
    """The release is past the point of no return: it can be finished, not taken back."""


def cut(
    parts: Parts,
    release_id: int,
    fence: int,
    reason: str,
    *,
    end: ReleaseState = ReleaseState.ROLLED_BACK,
    blames_build: bool = False,
) -> RouteIntent | None:
    """The roll-back itself, in one transaction: all users to stable, and why.

    Decided once: whoever comes later finds the first reason and the first intended end. None
    when somebody else has the route. Raises `AlreadyStable`, or `FencedOff` when it has ended.
    """
    with parts.ledger.begin() as db:
        release = lock_release(db, release_id)
        if release.state is ReleaseState.CONFIRMING:
            raise AlreadyStable(f"{release.version} is the stable build of {release.service}")
        if release.state is ReleaseState.ROLLING_BACK:
            return routes.read_route(db, release.service)
        note_decision(db, release.id, reason, end)
        if blames_build:
            blame(db, release, reason)
        try:
            with db.begin_nested():
                return routes.leave_route(db, release.service, fence, reason)
        except FencedOff as error:
            append_event(db, release.id, "fenced_off", str(error))
            return routes.forget_release(db, release.service, release.id)


def take_back(
    parts: Parts,
    release_id: int,
    fence: int,
    reason: str,
    end: ReleaseState,
    *,
    blames_build: bool = False,
) -> Release:
    """All users to stable first; then the copies; then the record. Ends as it was first decided."""
    try:
        intent = cut(parts, release_id, fence, reason, end=end, blames_build=blames_build)
        if intent is not None:
            _let_users_go(parts, intent)
        return _end_taken_back(parts, release_id)
    except AlreadyStable:
        return confirm(parts, release_id, fence)
    except FencedOff:  # somebody else ended it meanwhile; what it started must still go
        release = _release(parts, release_id)
        _stop_everything(parts, release)
        return release


def _let_users_go(parts: Parts, intent: RouteIntent) -> None:
    """Copies are ended once a router was seen without them, or when no router can believe in
    them any more: a controller that reads no ledger vouches no longer than the lease it knew."""
    settings = parts.settings
    seconds = max(settings.confirm_seconds, settings.lease_seconds, settings.ttl_seconds)
    wait_for_stable(parts.ledger, intent, seconds)


def interrupted(parts: Parts, release_id: int, fence: int, error: BaseException) -> Release:
    """The driver was cancelled or failed: stable serves everything, and the ledger says why.

    After the point of no return the new build *is* stable: then the release is finished.
    """
    release = _release(parts, release_id)
    if release.state.is_end:
        return release
    what = "cancelled" if "Interrupt" in type(error).__name__ else f"failed: {error!r}"
    end = ReleaseState.ROLLED_BACK if release.traffic_at else ReleaseState.ABANDONED
    return take_back(parts, release_id, fence, f"its run was {what}", end)


def stop_strays(parts: Parts) -> list[str]:
    """End copies of releases that ended without becoming stable: a driver that was asleep when
    its release was ended may have started them afterwards."""
    seen = parts.platform.instances()
    with parts.ledger.begin() as db:
        ended = inventory.releases_ended_as(db, {i.release_id for i in seen}, _NOT_STABLE)
    strays = [i.id for i in seen if i.release_id in ended]
    stop_copies(parts, strays, 5.0, "its release has ended")
    return strays


def _end_taken_back(parts: Parts, release_id: int) -> Release:
    release = _release(parts, release_id)
    _stop_everything(parts, release)
    _report_contamination(parts, release)
    figures = figures_of(parts, release_id)
    with parts.ledger.begin() as db:
        update_release(db, release_id, "figures", in_words(figures), figures=figures)
        end = ReleaseState(release.decided_end or ReleaseState.ABANDONED)
        return end_release(db, release_id, end, release.reason)


def _report_contamination(parts: Parts, release: Release) -> None:
    """Users are on stable since: nothing that goes wrong here keeps the release from ending."""
    try:
        report_contamination(parts, release)
    except (DavylampError, ValueError, TypeError, KeyError) as error:
        with parts.ledger.begin() as db:
            append_event(db, release.id, CONTAMINATED, f"could not be looked for: {error}")


def _stop_everything(parts: Parts, release: Release) -> None:
    """End all copies of a release that did not become stable."""
    with parts.ledger.begin() as db:
        live = inventory.live_service(db, release.service)
    if live.stable_release_id == release.id:
        return  # whatever went wrong: its copies are what users have
    copies = copies_of_release(parts.platform, release.id)
    grace = drain_seconds_of(release)
    stop_copies(parts, [i.id for i in copies], grace, release.reason)


def _release(parts: Parts, release_id: int) -> Release:
    with parts.ledger.begin() as db:
        return get_release(db, release_id)
