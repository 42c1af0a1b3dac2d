"""Sums over endpoints that only grow, though endpoints come and go.

With an endpoint its counters leave Envoy. What was last seen of it is kept here.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from davylamp.signals.envoy_counters import Attempts, Counters

_GROWING = ("total", "cancelled", "pending_failure_eject", "pending_overflow", "5xx", "2xx")


@dataclass(frozen=True)
class Memory:
    """What is known of one cluster after a reading."""

    departed: Attempts = field(default_factory=Attempts)
    """Of endpoints that are no more."""
    last: Counters = field(default_factory=Counters)

    @property
    def attempts(self) -> Attempts:
        return sum(self.last.endpoints.values(), self.departed)


def remember(memory: Memory, seen: Counters) -> Memory:
    """Take in the next reading.

    A counter of the cluster itself that went back means that Envoy, or the cluster, began anew:
    all sums begin anew too, and the judge leaves that tick out.
    """
    if any(seen.count(name) < memory.last.count(name) for name in _GROWING):
        return Memory(last=seen)
    departed = memory.departed
    for address, before in memory.last.endpoints.items():
        now = seen.endpoints.get(address)
        if now is None or now.went_back(before):
            departed += before
    return Memory(departed, seen)
