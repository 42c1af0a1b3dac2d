"""Quarantine: before a column is dropped its rights are taken, and given back at the first sign
that somebody misses them.

Opening, giving back and passing are one transaction each, so a kill leaves one or the other. A
watcher that died leaves the rights taken and nobody watching: `give_back_abandoned` (call it from
a sensor, every few seconds) ends that. PostgreSQL itself has nobody who would.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from psycopg import errors

from davylamp.errors import Refused
from davylamp.schema.control import ensure_control, note_step
from davylamp.schema.database import Db, TargetDatabase
from davylamp.schema.patience import LockLimits, with_patience
from davylamp.schema.quarantine_record import (
    Quarantine,
    QuarantineState,
    lock_quarantine,
    read_quarantine,
    read_quarantines,
    set_quarantine,
    write_quarantine,
)
from davylamp.schema.quarantine_rights import Held, give_rights, take_rights
from davylamp.schema.quarantine_witness import missed_by

T = TypeVar("T")
Signal = Callable[[], str]
"""What is wrong with the services at this moment, in words; empty when nothing is."""


@dataclass(frozen=True)
class QuarantineLimits:
    """Bounds. Seconds."""

    look_seconds: float = 0.5
    watch_seconds: float = 15.0
    """Without a sign of the watcher for so long the quarantine counts as abandoned."""
    locks: LockLimits = field(default_factory=LockLimits)


def begin_quarantine(
    database: TargetDatabase,
    held: Held,
    roles: Sequence[str],
    seconds: float,
    limits: QuarantineLimits | None = None,
) -> Quarantine:
    """Take the roles' rights on the column for `seconds`. One that is open goes on as it is.

    Raises `Refused` when a role can't be kept from the column. New code, which doesn't name the
    column, notices nothing; `SELECT *` and INSERT without a list of columns do.
    """
    bounds = limits or QuarantineLimits()
    with database.connect("quarantine") as db:
        ensure_control(db)

    def work(db: Db) -> Quarantine:
        found = lock_quarantine(db, held)
        if found is None or not found.has_rights_taken:
            saved = take_rights(db, held, roles)
            write_quarantine(db, held, roles, saved, seconds, bounds.watch_seconds)
            note_step(db, held.id, "quarantine begun", f"roles {', '.join(roles)}")
        return _known(db, held)

    _patiently(database, held, bounds, work)
    return _noted(database, held)


def end_quarantine(
    database: TargetDatabase, held: Held, reason: str, limits: QuarantineLimits | None = None
) -> Quarantine:
    """Give the rights back. Fine when they have been given back already."""

    def work(db: Db) -> Quarantine:
        found = lock_quarantine(db, held)
        if found is not None and found.has_rights_taken:
            _give_back(db, found, reason)
        return _known(db, held)

    return _patiently(database, held, limits or QuarantineLimits(), work)


def watch_quarantine(
    database: TargetDatabase,
    held: Held,
    signal: Signal = lambda: "",
    limits: QuarantineLimits | None = None,
    on_look: Callable[[Quarantine], None] = lambda _: None,
) -> Quarantine:
    """Watch an open quarantine to its end: PASSED, or GIVEN_BACK with the reason.

    Raises `Unreachable` when the database doesn't answer: it is abandoned then, unless somebody
    calls this again within `watch_seconds`.
    """
    bounds = limits or QuarantineLimits()
    while True:
        with database.connect("quarantine") as db:
            now = _look(db, held, bounds)
            found = missed_by(db, now) if now.state is QuarantineState.OPEN else None
        why = signal() or (found.what if found else "")
        if now.state is not QuarantineState.OPEN:
            return now
        if why:
            return end_quarantine(database, held, f"somebody misses it: {why}", bounds)
        if now.now >= now.until:
            return _pass(database, held, bounds)
        on_look(now)
        time.sleep(bounds.look_seconds)


def give_back_abandoned(
    database: TargetDatabase, limits: QuarantineLimits | None = None
) -> tuple[str, ...]:
    """Give back the rights of quarantines that nobody watches any more; which these were."""
    with database.connect("quarantine") as db:
        abandoned = [one for one in read_quarantines(db) if one.is_abandoned]
    given: list[str] = []
    for one in abandoned:

        def work(db: Db, one: Quarantine = one) -> bool:
            found = lock_quarantine(db, one.held)
            if found is None or not found.is_abandoned:
                return False
            _give_back(db, found, "nobody watched it any more")
            return True

        if _patiently(database, one.held, limits or QuarantineLimits(), work):
            given.append(one.id)
    return tuple(given)


def _noted(database: TargetDatabase, held: Held) -> Quarantine:
    """A statement that began before the rights were gone is no sign: count from now on."""
    with database.connect("quarantine") as db:
        db.execute(
            "UPDATE davylamp.quarantines SET began_at = clock_timestamp() "
            "WHERE id = %s AND state = 'open'",
            [held.id],
        )
        return _known(db, held)


def _look(db: Db, held: Held, limits: QuarantineLimits) -> Quarantine:
    """Read it, and say that it is watched. Too late for one that was found abandoned."""
    db.execute(
        "UPDATE davylamp.quarantines SET watched_until = greatest(watched_until, "
        "clock_timestamp() + make_interval(secs => %s)) WHERE id = %s AND state = 'open'",
        [limits.watch_seconds, held.id],
    )
    return _known(db, held)


def _pass(database: TargetDatabase, held: Held, limits: QuarantineLimits) -> Quarantine:
    def work(db: Db) -> Quarantine:
        found = lock_quarantine(db, held)
        if found is not None and found.state is QuarantineState.OPEN:
            set_quarantine(db, held, QuarantineState.PASSED, "nobody missed it")
            note_step(db, held.id, "quarantine passed")
        return _known(db, held)

    return _patiently(database, held, limits, work)


def _give_back(db: Db, quarantine: Quarantine, reason: str) -> None:
    give_rights(db, quarantine.held, quarantine.saved)
    set_quarantine(db, quarantine.held, QuarantineState.GIVEN_BACK, reason)
    note_step(db, quarantine.id, "rights given back", reason)


def _known(db: Db, held: Held) -> Quarantine:
    found = read_quarantine(db, held)
    if found is None:
        raise Refused(f"{held.id} was never in quarantine; begin one first")
    return found


def _patiently(
    database: TargetDatabase, held: Held, limits: QuarantineLimits, work: Callable[[Db], T]
) -> T:
    try:
        return with_patience(database, "quarantine", f"quarantine of {held.id}", limits.locks, work)
    except errors.InsufficientPrivilege as error:
        raise Refused(
            f"{held.id}: {error.diag.message_primary}; connect as the table's owner"
        ) from error
