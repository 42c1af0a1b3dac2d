"""The ends of a release: taken back, confirmed, or picked up after its driver died.

Everything here may be called twice, and by another process than the one that began it.
"""

from __future__ import annotations

import time

from davylamp.errors import DavylampError, FencedOff
from davylamp.judge.sample import Role
from davylamp.ledger import evidence, routes
from davylamp.ledger.instance import Instance, InstanceState
from davylamp.ledger.intent import RouteIntent
from davylamp.ledger.models import ReleaseState
from davylamp.ledger.releases import (
    Release,
    append_event,
    end_release,
    get_release,
    note_decision,
    update_release,
)
from davylamp.rollout.conduct.copies import copies_of_release, stop_copies
from davylamp.rollout.conduct.hold_of_route import wait_for_stable
from davylamp.rollout.conduct.watch import both_sides
from davylamp.rollout.parts import Parts

_CONFIRM_SECONDS = 60.0


def take_back(parts: Parts, release_id: int, fence: int, reason: str, end: ReleaseState) -> Release:
    """All users to stable first, in one transaction; then the copies; then the record."""
    release = _release(parts, release_id)
    try:
        return _take_back(parts, release, fence, reason, end)
    except FencedOff:  # somebody else ended it meanwhile; what it started must still go
        _stop_everything(parts, release, reason)
        return _release(parts, release_id)


def _take_back(
    parts: Parts, release: Release, fence: int, reason: str, end: ReleaseState
) -> Release:
    intent = cut(parts, release.id, fence, reason)
    if intent is not None:
        wait_for_stable(parts.ledger, intent, parts.settings.confirm_seconds)
    figures = _figures(parts, release.id)
    with parts.ledger.begin() as db:
        update_release(db, release.id, "figures", _in_words(figures), figures=figures)
        if release.digest and end is ReleaseState.ROLLED_BACK and release.traffic_at:
            evidence.mark_bad(db, release.service, release.digest, reason)
    _stop_everything(parts, release, reason)
    with parts.ledger.begin() as db:
        return end_release(db, release.id, end, reason)


def confirm(parts: Parts, release_id: int, fence: int) -> Release:
    """End the old copies; then see that every observed copy runs the new digest.

    A copy that does not keeps the release from being called done, and is named.
    """
    release = _release(parts, release_id)
    if release.state.is_end:
        return release
    try:
        return _confirm(parts, release, fence)
    except FencedOff:  # somebody else ended it meanwhile
        return _release(parts, release_id)


def _confirm(parts: Parts, release: Release, fence: int) -> Release:
    release_id = release.id
    figures = _figures(parts, release_id)
    intent = _give_back(parts, release, fence)
    if intent is not None and not wait_for_stable(
        parts.ledger, intent, parts.settings.confirm_seconds
    ):
        return _unconfirmed(parts, release_id, "no router confirmed the stable route in time")
    _stop_old_copies(parts, release)
    problem = _wait_until_only_the_new_build_runs(parts, release)
    if problem:
        return _unconfirmed(parts, release_id, problem)
    with parts.ledger.begin() as db:
        update_release(db, release_id, "figures", _in_words(figures), figures=figures)
        return end_release(db, release_id, ReleaseState.PROMOTED, release.reason)


def interrupted(parts: Parts, release_id: int, fence: int, error: BaseException) -> Release:
    """The driver was cancelled or failed: stable serves everything, and the ledger says why.

    After the point of no return the new build *is* stable: then the release is finished.
    """
    release = _release(parts, release_id)
    if release.state is ReleaseState.CONFIRMING:
        return confirm(parts, release_id, fence)
    name = type(error).__name__
    what = "cancelled" if "Interrupt" in name else f"failed ({name}: {error})"
    end = ReleaseState.ROLLED_BACK if release.traffic_at else ReleaseState.ABANDONED
    return take_back(parts, release_id, fence, f"its run was {what}", end)


def _release(parts: Parts, release_id: int) -> Release:
    with parts.ledger.begin() as db:
        return get_release(db, release_id)


def cut(parts: Parts, release_id: int, fence: int, reason: str) -> RouteIntent | None:
    """The roll-back itself, once: all users to stable. None when somebody else has the route.

    Raises `FencedOff` when the release has ended.
    """
    with parts.ledger.begin() as db:
        release = get_release(db, release_id)
        if release.state is ReleaseState.ROLLING_BACK:
            return routes.read_route(db, release.service)
        note_decision(db, release.id, reason)
        try:
            with db.begin_nested():
                return routes.leave_route(db, release.service, fence, reason)
        except FencedOff as error:
            append_event(db, release.id, "fenced_off", str(error))
            return routes.forget_release(db, release.service, release.id)


def _give_back(parts: Parts, release: Release, fence: int) -> RouteIntent | None:
    reason = f"{release.version} is stable"
    with parts.ledger.begin() as db:
        try:
            with db.begin_nested():
                return routes.leave_route(db, release.service, fence, reason)
        except FencedOff:
            return routes.forget_release(db, release.service, release.id)


def _stop_everything(parts: Parts, release: Release, reason: str) -> None:
    """End all copies of a release that was not promoted."""
    copies = copies_of_release(parts.platform, release.id)
    service = parts.catalog.services.get(release.service)
    grace = service.release.drain_seconds if service else 10.0
    stop_copies(parts, [i.id for i in copies], grace, reason)


def _stop_old_copies(parts: Parts, release: Release) -> None:
    service = parts.catalog.service(release.service)
    old = [
        i.id
        for i in parts.platform.instances()
        if i.service == release.service and _is_ours_to_stop(i, release)
    ]
    why = f"replaced by {release.version}"
    stop_copies(parts, old, service.release.drain_seconds, why)


def _is_ours_to_stop(copy: Instance, release: Release) -> bool:
    """The copies of the previous stable build, and this release's own baseline. A copy of
    anything else was put there by somebody else: it is named, not ended."""
    if copy.release_id == release.id:
        return copy.role is Role.BASELINE
    return copy.digest == release.stable_digest


def _wait_until_only_the_new_build_runs(parts: Parts, release: Release) -> str:
    """What is wrong after all the waiting; empty when all is well."""
    deadline = time.monotonic() + _CONFIRM_SECONDS
    while True:
        seen = [i for i in parts.platform.instances() if i.service == release.service]
        left = [i for i in seen if i.digest != release.digest or i.role is Role.BASELINE]
        ready = [i for i in seen if i.state is InstanceState.READY and i not in left]
        if ready and not left:
            return ""
        stopping = [i for i in left if _is_ours_to_stop(i, release)]
        if time.monotonic() > deadline or (ready and not stopping):
            return _named(left) or f"no copy of {release.version} is ready"
        time.sleep(0.1)


def _named(left: list[Instance]) -> str:
    names = ", ".join(f"{i.id} ({i.digest[:19]}, {i.state})" for i in left)
    return f"still running another build: {names}" if names else ""


def _unconfirmed(parts: Parts, release_id: int, why: str) -> Release:
    with parts.ledger.begin() as db:
        return end_release(db, release_id, ReleaseState.UNCONFIRMED, f"promoted, but {why}")


def _figures(parts: Parts, release_id: int) -> dict[str, float]:
    try:
        candidate, baseline = both_sides(parts, release_id)
    except (DavylampError, ValueError):
        return {}
    return {
        "candidate_requests": float(candidate.completed.sum()),
        "candidate_failed": float(candidate.failed.sum()),
        "baseline_requests": float(baseline.completed.sum()),
        "baseline_failed": float(baseline.failed.sum()),
    }


def _in_words(figures: dict[str, float]) -> str:
    if not figures:
        return "no figures"
    return (
        f"the candidate had {figures['candidate_requests']:.0f} requests, "
        f"{figures['candidate_failed']:.0f} failed; the baseline "
        f"{figures['baseline_requests']:.0f}, {figures['baseline_failed']:.0f} failed"
    )
