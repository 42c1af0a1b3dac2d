"""Does the database's load let the backfill go on? Pure."""

from __future__ import annotations

from dataclasses import dataclass

from davylamp.schema.backfill.limits import ThrottleLimits


@dataclass(frozen=True)
class Load:
    """How a database feels at one moment. What can't be seen is 0."""

    replica_lag_bytes: float = 0.0
    """Of the furthest replica: WAL written and not replayed there."""
    replica_lag_seconds: float = 0.0
    slot_lag_bytes: float = 0.0
    lock_waiters: int = 0
    oldest_transaction_seconds: float = 0.0


def held_up_by(load: Load, limits: ThrottleLimits) -> str:
    """Why to wait; empty when there is no reason."""
    if load.replica_lag_bytes > limits.replica_lag_bytes:
        return (
            f"a replica is {_mib(load.replica_lag_bytes)} MiB behind "
            f"(at most {_mib(limits.replica_lag_bytes)})"
        )
    if load.replica_lag_seconds > limits.replica_lag_seconds:
        return (
            f"a replica is {load.replica_lag_seconds:.1f} s behind "
            f"(at most {limits.replica_lag_seconds:g})"
        )
    if load.slot_lag_bytes > limits.slot_lag_bytes:
        return (
            f"a replication slot keeps {_mib(load.slot_lag_bytes)} MiB of WAL "
            f"(at most {_mib(limits.slot_lag_bytes)})"
        )
    if load.lock_waiters > limits.lock_waiters:
        return f"{load.lock_waiters} sessions wait for locks (at most {limits.lock_waiters})"
    if load.oldest_transaction_seconds > limits.oldest_transaction_seconds:
        return (
            f"a transaction is open since {load.oldest_transaction_seconds:.0f} s "
            f"(at most {limits.oldest_transaction_seconds:g})"
        )
    return ""


def _mib(count: float) -> str:
    return f"{count / 2**20:.0f}"
