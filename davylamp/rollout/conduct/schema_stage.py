"""Expand and migrate as stages of a release: after the guard, before any copy starts.

Rolling back is stopping: what was added stays, and every build that is alive works beside it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import replace

from davylamp.errors import DavylampError, FencedOff
from davylamp.ledger.models import ReleaseState
from davylamp.rollout import schema_change
from davylamp.rollout.conduct.hold_of_route import RouteHold
from davylamp.rollout.conduct.session import Session, Stage
from davylamp.rollout.schema_change import SchemaDone
from davylamp.rollout.schema_work import Listener, SchemaWork, work_of


def expand_stage(session: Session, tell: Listener) -> Stage:
    """Add what the candidate needs. Raises `Refused` for what isn't safe, with the safe way."""
    return _stage(session, tell, schema_change.expand)


def migrate_stage(session: Session, tell: Listener) -> Stage:
    """Dual write, and the backfill to its verified end: data leads the code."""
    return _stage(session, tell, schema_change.migrate)


def _stage(session: Session, tell: Listener, act: Callable[[SchemaWork], SchemaDone]) -> Stage:
    with held_meanwhile(session.hold) as check_held:
        work = work_of(
            session.parts,
            session.service,
            session.candidate().digest,
            f"release {session.hold.release_id}",
            _stopping(tell, check_held),
        )
        if work is None:
            return Stage("it brings no schema change")
        if work.pending():
            session.enter(ReleaseState.MIGRATING, f"changing the schema of {work.name}")
        done = act(work)
    session.hold.renew()
    session.note("schema", done.reason, applied=list(done.applied), waiting=list(done.waiting))
    return Stage(
        done.reason,
        {"database": work.name, "applied": list(done.applied), "waiting": list(done.waiting)},
    )


def _stopping(tell: Listener, check_held: Callable[[], None]) -> Listener:
    """A backfill whose release was taken back stops after the batch it is in."""

    def on_step(step: object) -> None:
        check_held()
        tell.on_step(step)  # pyright: ignore[reportArgumentType]

    def on_progress(progress: object) -> None:
        check_held()
        tell.on_progress(progress)  # pyright: ignore[reportArgumentType]

    return replace(tell, on_step=on_step, on_progress=on_progress)


@contextmanager
def held_meanwhile(hold: RouteHold) -> Generator[Callable[[], None]]:
    """Renew the lease from a thread while a statement may take long: no user meets the candidate
    yet, so nobody is vouched for who isn't looked at. Yields a check that raises `FencedOff` once
    the route was taken away."""
    stop, lost = threading.Event(), list[DavylampError]()
    own = replace(hold, vigil=None)

    def renew() -> None:
        while not stop.wait(min(1.0, hold.settings.renew_seconds)):
            try:
                own.renew()
            except DavylampError as error:
                lost.append(error)
                return

    def check() -> None:
        if lost:
            raise lost[0] if isinstance(lost[0], FencedOff) else FencedOff(str(lost[0]))

    thread = threading.Thread(target=renew, name="lease of a schema change", daemon=True)
    thread.start()
    try:
        yield check
    finally:
        stop.set()
        thread.join(timeout=10.0)
    check()
