"""How fast a backfill may go, and how long it may wait."""

from __future__ import annotations

from dataclasses import dataclass, field

from davylamp.schema.lease import LeaseTerms
from davylamp.schema.patience import LockLimits


@dataclass(frozen=True)
class PaceLimits:
    """Sizes of batches, in rows, and their times in ms."""

    target_ms: float = 120.0
    """Without a throttle."""
    gentle_ms: float = 10.0
    """With one (a duty below 1): whoever wants a row of the batch waits no longer, and few do."""
    longest_ms: float = 220.0
    """A batch that isn't done by then is cancelled and tried again with fewer rows: nobody waits
    for a row longer."""
    first_rows: int = 500
    most_rows: int = 50_000


@dataclass(frozen=True)
class ThrottleLimits:
    """Above any of these the backfill waits."""

    replica_lag_bytes: float = 64 * 2**20
    replica_lag_seconds: float = 5.0
    slot_lag_bytes: float = 2 * 2**30
    """WAL kept for the replication slot that is furthest behind, connected or not."""
    lock_waiters: int = 3
    """Sessions of others that wait for a lock."""
    oldest_transaction_seconds: float = 900.0
    """Age of the oldest transaction whose snapshot keeps VACUUM from cleaning up after us."""
    duty: float = 0.3
    """Share of the time spent on batches, in (0, 1]; 1 means no pauses."""
    look_seconds: float = 0.5
    """How often the load is read."""
    patience_seconds: float = 3600.0
    """Longest wait for the load to fall; then it stops, and can be resumed."""


@dataclass(frozen=True)
class BackfillLimits:
    """All bounds of one run. Seconds."""

    pace: PaceLimits = field(default_factory=PaceLimits)
    throttle: ThrottleLimits = field(default_factory=ThrottleLimits)
    lease: LeaseTerms = field(default_factory=LeaseTerms)
    locks: LockLimits = field(default_factory=LockLimits)
    """For the installation of the dual write."""
    row_lock_seconds: float = 0.1
    """Longest wait for a row that the application holds; the batch is given up, and tried again."""
    row_patience_seconds: float = 300.0
    """How long such a row is tried for."""
    reconnect_seconds: float = 60.0
    """How long a database that went away is waited for."""
    pause_seconds: float = 12 * 3600.0
    """How long a paused worker waits to be resumed; then it ends, and stays paused."""
    deadline_seconds: float = 7 * 86_400.0
    """Longest run; then it stops, and can be resumed."""
    passes: int = 3
    """How often it starts over for rows that the verification found not migrated."""


UNTHROTTLED = ThrottleLimits(
    replica_lag_bytes=float("inf"),
    replica_lag_seconds=float("inf"),
    slot_lag_bytes=float("inf"),
    lock_waiters=1_000_000,
    oldest_transaction_seconds=float("inf"),
    duty=1.0,
)
"""As fast as it goes: for a table that nobody uses."""
