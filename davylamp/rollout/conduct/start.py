"""Start: the candidate and a fresh baseline of the stable build, same size, same moment."""

from __future__ import annotations

from davylamp.fleet.protocol import StartOrder
from davylamp.judge.sample import Role
from davylamp.ledger import inventory
from davylamp.ledger.models import ReleaseState
from davylamp.rollout.conduct.copies import start_copies
from davylamp.rollout.conduct.guard import guard_with_databases, refuse
from davylamp.rollout.conduct.marks import mark_databases
from davylamp.rollout.conduct.session import Session, Stage


def start_both_sides(session: Session) -> Stage:
    """Start the copies and wait until the router knows them; they get no users yet. The databases
    must be as the candidate needs them by now: a copy writes before it has users."""
    refuse(guard_with_databases(session, before_expand=False))
    mark_databases(session)
    session.enter(ReleaseState.STARTING, "starting candidate and baseline")
    ready = start_copies(session.parts, session.hold, _orders(session))
    intent = session.hold.set_shares(0.0, 0.0, "candidate and baseline are ready")
    session.hold.wait_until_confirmed(intent)
    return Stage(
        f"{len(ready)} copies are ready",
        {copy.id: {"address": copy.address, "digest": copy.digest} for copy in ready},
    )


def _orders(session: Session) -> list[StartOrder]:
    candidate = session.candidate()
    new = (candidate.image, candidate.digest, candidate.version, Role.CANDIDATE)
    with session.parts.ledger.begin() as db:
        live = inventory.live_service(db, session.service.name)
    if live.stable_digest is None or live.stable_image is None:
        return [session.order(*new, 0, session.service.instances)]
    count = session.service.release.candidate_instances
    old = (live.stable_image, live.stable_digest, live.stable_version or "", Role.BASELINE)
    return [session.order(*new, 0, count), session.order(*old, 0, count)]
