"""Promotion: enough copies, all users, the watch; then the candidate is the stable build."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence

from sqlalchemy import Connection

from davylamp.judge.sample import Role
from davylamp.ledger import inventory, routes
from davylamp.ledger.intent import RouteIntent
from davylamp.ledger.models import ReleaseState
from davylamp.ledger.releases import DATABASE_NOW, lock_release, update_release
from davylamp.rollout.conduct.bench import Bench
from davylamp.rollout.conduct.copies import copies_of_release, start_copies
from davylamp.rollout.conduct.figures import both_sides
from davylamp.rollout.conduct.guard import look_who_is_there
from davylamp.rollout.conduct.session import Ending, Session
from davylamp.rollout.conduct.steps import ending, watcher
from davylamp.rollout.conduct.verify import Candidate
from davylamp.rollout.conduct.vigil import keeping_vigil
from davylamp.rollout.conduct.watch import OnTick
from davylamp.rollout.state import Move, Phase

_BATCHES = 4


def promote_candidate(session: Session, reason: str, on_tick: OnTick) -> Ending:
    """Bring the candidate to full size and to all users, watch it there, and make it stable."""
    plan, release = session.plan(), session.release()
    session.enter(ReleaseState.PROMOTING, reason, decided_at=DATABASE_NOW)
    if release.stable_digest is not None:
        with keeping_vigil(session):
            grow_to_full_size(session)
            _, reference = both_sides(session.parts, session.hold.release_id)
            look_who_is_there(session)
            _confirm(session, (1.0, 0.0), "promoted: all users")
        bench = Bench(
            session.parts.ledger, release.id, session.bench.policy, reference, since=time.time()
        )
        watching = watcher(session, plan, Phase.WATCHING, release.step, 1.0, bench)
        watching.wanted = session.service.instances
        tick = watching.until_decided(on_tick)
        session.note("decided", tick.decision.reason, move=tick.decision.move)
        if tick.decision.move is not Move.FINISH:
            return ending(tick)
        # a controller that froze meanwhile has let users go back: nothing is stable unseen
        _confirm(session, (1.0, 0.0), "the watch has ended well")
    make_stable(session, reason)
    return Ending("promoted", reason)


def grow_to_full_size(session: Session) -> None:
    """Start the missing copies batch by batch, each seen in the route before the next. The
    shares stay as they are."""
    step = session.plan().steps[session.release().step]
    candidate = session.candidate()
    copies = copies_of_release(session.parts.platform, session.hold.release_id)
    have = sum(i.role is Role.CANDIDATE for i in copies)
    wanted = session.service.instances
    batch = max(1, math.ceil((wanted - have) / _BATCHES))
    while have < wanted:
        count = min(batch, wanted - have)
        new = (candidate.image, candidate.digest, candidate.version, Role.CANDIDATE)
        order = session.order(*new, have, count)
        start_copies(session.parts, session.hold, [order])
        have += count
        shares = (step.share, step.baseline_share)
        _confirm(session, shares, f"{have} of {wanted} copies of the candidate are ready")


def make_stable(session: Session, reason: str) -> None:
    """The point of no return: one transaction names the candidate as the stable build.

    Its copies are among the stable endpoints before its shares are taken away. When the run
    dies in between, the expired lease leads users to those same copies.
    """
    release, candidate = session.release(), session.candidate()
    copies = copies_of_release(session.parts.platform, release.id)
    ids = [i.id for i in copies if i.role is Role.CANDIDATE]
    share = 0.0 if release.stable_digest is None else 1.0

    def write() -> RouteIntent:
        with session.parts.ledger.begin() as db:
            return _write_stable(db, session, candidate, ids, share, reason)

    session.hold.wait_until_confirmed(session.hold.patiently(write))


def _write_stable(
    db: Connection,
    session: Session,
    candidate: Candidate,
    ids: Sequence[str],
    share: float,
    reason: str,
) -> RouteIntent:
    hold = session.hold
    lock_release(db, hold.release_id)
    inventory.set_stable(
        db,
        hold.service,
        digest=candidate.digest,
        version=candidate.version,
        image=candidate.image,
        release_id=hold.release_id,
    )
    inventory.change_role(db, ids, Role.STABLE)
    update_release(db, hold.release_id, "made_stable", reason, state=ReleaseState.CONFIRMING)
    return routes.set_shares(
        db,
        hold.service,
        hold.fence,
        candidate=share,
        baseline=0.0,
        lease_seconds=session.parts.settings.lease_seconds,
        reason=f"{candidate.version} is the stable build now",
    )


def _confirm(session: Session, shares: tuple[float, float], reason: str) -> None:
    candidate, baseline = shares
    session.hold.wait_until_confirmed(session.hold.set_shares(candidate, baseline, reason))
