"""Who stands in the way of a statement that waits for a lock."""

from __future__ import annotations

import threading
from contextlib import suppress
from dataclasses import dataclass
from types import TracebackType

import psycopg

from davylamp.errors import Unreachable
from davylamp.schema.database import Db, TargetDatabase

_LOOK_SECONDS = 0.04
_BLOCKERS = """
SELECT b.pid, coalesce(a.application_name, ''), coalesce(a.usename, ''), coalesce(a.state, ''),
       coalesce(extract(epoch FROM clock_timestamp() - a.query_start), 0),
       coalesce(extract(epoch FROM clock_timestamp() - a.xact_start), 0), coalesce(a.query, '')
FROM pg_catalog.pg_stat_activity w
CROSS JOIN LATERAL unnest(pg_catalog.pg_blocking_pids(w.pid)) AS b(pid)
LEFT JOIN pg_catalog.pg_stat_activity a ON a.pid = b.pid
WHERE w.pid = %s AND w.wait_event_type = 'Lock'
ORDER BY a.xact_start NULLS FIRST LIMIT 5
"""


@dataclass(frozen=True)
class Blocker:
    """A session that holds, or waits before us for, a lock we need. Ages in seconds."""

    pid: int
    application: str
    user: str
    state: str
    query_age: float
    transaction_age: float
    query: str

    def __str__(self) -> str:
        if self.pid == 0:
            return "a prepared transaction (see pg_prepared_xacts)"
        query = " ".join(self.query.split())[:120]
        return (
            f"pid {self.pid} (application {self.application!r}, user {self.user!r}, "
            f"{self.state}, query since {self.query_age:.1f} s, "
            f"transaction since {self.transaction_age:.1f} s: {query})"
        )


def blockers_of(db: Db, pid: int) -> tuple[Blocker, ...]:
    """Who blocks session `pid` at this moment, the oldest transaction first."""
    rows = db.execute(_BLOCKERS, [pid]).fetchall()
    return tuple(
        Blocker(r[0], r[1], r[2], r[3], float(r[4]), float(r[5]), r[6] or "") for r in rows
    )


class LockWatch:
    """Looks from a second session, while a statement runs, at who makes it wait.

    Afterwards nobody could tell: the lock timeout has taken us out of the queue.
    """

    def __init__(self, database: TargetDatabase, pid: int) -> None:
        self.seen: tuple[Blocker, ...] = ()
        """Who blocked it the last time it was seen waiting."""
        self._database = database
        self._pid = pid
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._look, name="lock watch", daemon=True)

    def __enter__(self) -> LockWatch:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self._done.set()
        self._thread.join(timeout=10)

    def _look(self) -> None:
        # without its eyes the work goes on all the same
        with suppress(Unreachable, psycopg.Error), self._database.connect("watch") as db:
            while not self._done.wait(_LOOK_SECONDS):
                self.seen = blockers_of(db, self._pid) or self.seen

    def __str__(self) -> str:
        return "; ".join(str(one) for one in self.seen) or "a session that could not be seen"
