"""Who may work on a subject: a lease by the database's clock, with a fencing number.

Every transaction that changes something holds the lease's row, so nobody can take the lease in
the middle of it; a worker whose lease was taken in between finds its fencing number too low.
"""

from __future__ import annotations

import hashlib
import os
import socket
import threading
import time
from collections.abc import Generator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

import psycopg
from psycopg import errors

from davylamp.errors import FencedOff, Refused, Unreachable
from davylamp.schema.database import APPLICATION, Db, TargetDatabase

_POLL_SECONDS = 0.2
_ORPHAN_SECONDS = 15.0
_TAKE = """
UPDATE davylamp.leases SET holder = %(holder)s, fence = fence + 1,
       expires_at = clock_timestamp() + make_interval(secs => %(ttl)s)
WHERE name = %(name)s RETURNING fence
"""
_RENEW = """
UPDATE davylamp.leases SET expires_at = clock_timestamp() + make_interval(secs => %s)
WHERE name = %s AND fence = %s
"""
_ORPHANS = """
SELECT pid FROM pg_catalog.pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid()
  AND application_name ~ %s AND split_part(application_name, '/', 2)::bigint < %s
"""


@dataclass(frozen=True)
class LeaseTerms:
    """How long a silent worker is waited for. Seconds."""

    ttl_seconds: float = 15.0
    renew_seconds: float = 4.0
    wait_seconds: float = 0.0
    """How long to wait while somebody else holds it."""


@dataclass(frozen=True)
class Lease:
    """The right to work on `name`, while nobody has a higher `fence`."""

    name: str
    fence: int

    def hold(self, db: Db) -> None:
        """Make sure that it is still ours until this transaction ends. Raises `FencedOff`."""
        # KEY SHARE lets the renewals through and keeps a taker (FOR UPDATE) out
        found = db.execute(
            "SELECT 1 FROM davylamp.leases WHERE name = %s AND fence = %s FOR KEY SHARE",
            [self.name, self.fence],
        ).fetchone()
        if found is None:
            raise FencedOff(
                f"{self.name}: another worker has taken it over (our number was {self.fence}); "
                "this one stops, nothing was done twice"
            )

    @property
    def work(self) -> str:
        """For `TargetDatabase.connect`: a later holder finds our sessions by it."""
        return f"{_tag(self.name)}/{self.fence}"


@contextmanager
def take_lease(database: TargetDatabase, name: str, terms: LeaseTerms) -> Generator[Lease]:
    """Take the lease, renew it in the background, give it back at the end.

    Raises `Refused` when somebody else holds it for longer than `terms.wait_seconds`. What a
    dead holder left running in the database is ended first.
    """
    with database.connect("lease") as db:
        lease = _taken(db, name, terms)
        try:
            _end_orphans(db, lease)
        except BaseException:
            _give_back(db, lease)
            raise
    done = threading.Event()
    keeper = threading.Thread(
        target=_keep, args=(database, lease, terms, done), name=f"lease {name}", daemon=True
    )
    keeper.start()
    try:
        yield lease
    finally:
        done.set()
        keeper.join(timeout=10)
        with suppress(Unreachable, psycopg.Error), database.connect("lease") as db:
            _give_back(db, lease)


def _taken(db: Db, name: str, terms: LeaseTerms) -> Lease:
    until = time.monotonic() + terms.wait_seconds
    while True:
        holder = _try(db, name, terms)
        if isinstance(holder, Lease):
            return holder
        if time.monotonic() >= until:
            raise Refused(
                f"{name}: {holder} is at work on it; wait for it to end, or stop it there "
                f"(a worker that died is waited for {terms.ttl_seconds:g} s)"
            )
        time.sleep(_POLL_SECONDS)


def _try(db: Db, name: str, terms: LeaseTerms) -> Lease | str:
    """The lease, or who holds it."""
    db.execute("INSERT INTO davylamp.leases (name) VALUES (%s) ON CONFLICT DO NOTHING", [name])
    try:
        with db.transaction():
            db.execute("SET LOCAL lock_timeout = '300ms'")
            found = db.execute(
                "SELECT holder, expires_at > clock_timestamp() FROM davylamp.leases "
                "WHERE name = %s FOR UPDATE",
                [name],
            ).fetchone()
            if found and found[1]:
                return str(found[0])
            given = {"holder": _us(), "ttl": terms.ttl_seconds, "name": name}
            taken = db.execute(_TAKE, given).fetchone()
    except errors.LockNotAvailable:
        return "another worker (in the middle of a step)"
    return Lease(name, int(taken[0])) if taken else "nobody"


def _end_orphans(db: Db, lease: Lease) -> None:
    """End the sessions of earlier holders: one may still be building an index."""
    pattern = f"^{APPLICATION} {_tag(lease.name)}/[0-9]+$"
    until = time.monotonic() + _ORPHAN_SECONDS
    while pids := [row[0] for row in db.execute(_ORPHANS, [pattern, lease.fence])]:
        if time.monotonic() >= until:
            raise Refused(
                f"{lease.name}: a worker that died left session {pids[0]} running, which does "
                f"not end; run SELECT pg_terminate_backend({pids[0]}) and try again"
            )
        with suppress(errors.InsufficientPrivilege):
            db.execute("SELECT pg_terminate_backend(pid) FROM unnest(%s::int[]) pid", [pids])
        time.sleep(_POLL_SECONDS)


def _keep(database: TargetDatabase, lease: Lease, terms: LeaseTerms, done: threading.Event) -> None:
    while not done.is_set():
        # unreachable: `hold` tells the worker; here there is only the next try
        with suppress(Unreachable, psycopg.Error), database.connect("lease") as db:
            while not done.wait(terms.renew_seconds):
                kept = db.execute(_RENEW, [terms.ttl_seconds, lease.name, lease.fence])
                if kept.rowcount == 0:
                    return
        done.wait(min(1.0, terms.renew_seconds))


def _give_back(db: Db, lease: Lease) -> None:
    db.execute(
        "UPDATE davylamp.leases SET expires_at = '-infinity' WHERE name = %s AND fence = %s",
        [lease.name, lease.fence],
    )


def _tag(name: str) -> str:
    return hashlib.sha256(name.encode()).hexdigest()[:12]


def _us() -> str:
    return f"process {os.getpid()} on {socket.gethostname()}"
