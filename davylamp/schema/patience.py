"""Take strong locks without ever standing in the queue for long: short tries, jittered pauses.

While a statement waits for an ACCESS EXCLUSIVE lock, everybody who comes later waits behind it.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from psycopg import errors

from davylamp.errors import Refused
from davylamp.schema.blockers import LockWatch
from davylamp.schema.database import Db, TargetDatabase, apply_settings

T = TypeVar("T")


@dataclass(frozen=True)
class LockLimits:
    """How a transaction that needs strong locks is tried. Seconds."""

    lock_seconds: float = 0.2
    """Longest wait in the queue of a lock; then everybody behind us gets on."""
    statement_seconds: float = 5.0
    """Longest run of a statement that should be instant."""
    patience_seconds: float = 60.0
    """Then it gives up, naming who holds the lock."""
    first_pause_seconds: float = 0.2
    longest_pause_seconds: float = 5.0


def with_patience(
    database: TargetDatabase,
    work: str,
    what: str,
    limits: LockLimits,
    run: Callable[[Db], T],
    on_retry: Callable[[int, str], None] = lambda tried, why: None,
) -> T:
    """Run `run` in one transaction; when it doesn't get its locks, all of it again after a pause.

    `run` may be called several times, each time in a new transaction. Raises `Refused` with the
    blocking session once `limits.patience_seconds` are over.
    """
    with database.connect(work) as db, LockWatch(database, db.info.backend_pid) as watch:
        until = time.monotonic() + limits.patience_seconds
        tried = 0
        while True:
            tried += 1
            try:
                return _once(db, limits, run)
            except (errors.LockNotAvailable, errors.DeadlockDetected) as error:
                pause = pause_before(tried, limits, random.random())
                if time.monotonic() + pause > until:
                    raise Refused(
                        f"{what}: no lock in {tried} tries over {limits.patience_seconds:g} s, "
                        f"blocked by {watch}; end that transaction or wait for it, and run this "
                        "again: nothing was changed, and nothing waits in the lock's queue"
                    ) from error
                on_retry(tried, str(watch))
                time.sleep(pause)


def pause_before(tried: int, limits: LockLimits, chance: float) -> float:
    """Seconds before try `tried + 1`: doubled each time, bounded, half of it by `chance` [0, 1)."""
    longest = min(
        limits.longest_pause_seconds, limits.first_pause_seconds * 2.0 ** min(tried - 1, 30)
    )
    return longest * (0.5 + chance / 2)


def _once(db: Db, limits: LockLimits, run: Callable[[Db], T]) -> T:
    with db.transaction():
        bounds = {
            "lock_timeout": f"{limits.lock_seconds * 1000:.0f}",
            "statement_timeout": f"{limits.statement_seconds * 1000:.0f}",
        }
        apply_settings(db, bounds, local=True)
        return run(db)
