"""Releases whose driver is gone: found by their lease, ended with a reason, none left running."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from davylamp.ledger import routes
from davylamp.ledger.intent import RouteIntent
from davylamp.ledger.models import ReleaseState
from davylamp.ledger.releases import Release, active_releases, database_now
from davylamp.rollout.conduct import finish
from davylamp.rollout.conduct.finish import stop_strays
from davylamp.rollout.parts import Parts

_GRACE_SECONDS = 3.0
"""A driver that notices its own end a moment later than we do is let finish."""
_ENDING_SECONDS = 20.0
"""How long a driver may take to end what it started once the route is stable again. Helping one
that is only slow does no harm: all that is done at an end may be done twice."""


def reap(parts: Parts, dead_runs: Collection[str] = ()) -> list[str]:
    """End every active release that nobody drives any more. Returns what was done, in words.

    A release is orphaned when its lease has run out, when an operator took its route and its
    driver has not ended it since, or when its run is known to be dead (`dead_runs`, run ids).
    """
    with parts.ledger.begin() as db:
        now = database_now(db)
        candidates = [(r, routes.read_route(db, r.service)) for r in active_releases(db)]
    done: list[str] = []
    for release, intent in candidates:
        why = why_orphaned(release, intent, now, parts.settings.lease_seconds, dead_runs)
        if why:
            done.append(_end(parts, release, intent, why))
    return done + [f"{name} was still running after its release" for name in stop_strays(parts)]


def why_orphaned(
    release: Release,
    intent: RouteIntent | None,
    now: datetime,
    lease_seconds: float,
    dead_runs: Collection[str] = (),
) -> str:
    """Why a release counts as orphaned; empty when somebody drives it. Pure."""
    if release.run_id and release.run_id in dead_runs:
        return f"its run {release.run_id[:8]} has died"
    since = (now - ((intent and intent.updated_at) or release.created_at)).total_seconds()
    if intent is None or intent.release_id != release.id:
        return "its driver died while ending it" if since > _ENDING_SECONDS else ""
    if intent.lease_expires_at is None:  # taken by an operator
        return intent.reason if since > _GRACE_SECONDS + lease_seconds / 3 else ""
    overdue = (now - intent.lease_expires_at).total_seconds()
    if overdue <= _GRACE_SECONDS:
        return ""
    return f"nobody renewed its lease for {overdue + lease_seconds:.0f} s: its run has died"


def _end(parts: Parts, release: Release, intent: RouteIntent | None, why: str) -> str:
    fence = intent.fence if intent else 0
    by_operator = intent is not None and intent.release_id and intent.lease_expires_at is None
    end = ReleaseState.ROLLED_BACK if by_operator else ReleaseState.ABANDONED
    try:
        ended = finish.take_back(parts, release.id, fence, why, end)
    except Exception as error:  # noqa: BLE001 - one release's trouble must not keep others waiting
        return f"release {release.id} of {release.service} could not be ended yet: {error!r}"
    return f"release {release.id} of {release.service} ended as {ended.state}: {ended.reason}"
