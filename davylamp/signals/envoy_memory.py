"""Sums that only grow, though endpoints come and go and clusters are replaced.

With an endpoint its counters leave Envoy. A cluster whose configuration changed starts its
answers by class and its histogram anew, but not its other counters (Envoy 1.40). What was last
seen is kept here.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from davylamp.signals.envoy_counters import Attempts, Counters

_DURABLE = ("total", "cancelled", "pending_failure_eject", "pending_overflow", "none_healthy")


@dataclass(frozen=True)
class Memory:
    """What is known of one cluster after a reading. `past_…` is what Envoy has forgotten."""

    past_attempts: Attempts = field(default_factory=Attempts)
    past_answers: tuple[int, ...] = Counters().answers
    past_latency: tuple[int, ...] = Counters.latency
    last: Counters = field(default_factory=Counters)

    @property
    def attempts(self) -> Attempts:
        return sum(self.last.endpoints.values(), self.past_attempts)

    @property
    def answers(self) -> tuple[int, ...]:
        return _add(self.past_answers, self.last.answers)

    @property
    def latency(self) -> tuple[int, ...]:
        return _add(self.past_latency, self.last.latency)


def remember(memory: Memory, seen: Counters) -> Memory:
    """Take in the next reading.

    A durable counter that went back means that Envoy, or the cluster, began anew: all sums begin
    anew too, and the judge leaves that tick out.
    """
    last = memory.last
    if any(seen.count(name) < last.count(name) for name in _DURABLE):
        return Memory(last=seen)
    attempts = memory.past_attempts
    for address, before in last.endpoints.items():
        now = seen.endpoints.get(address)
        if now is None or now.went_back(before):
            attempts += before
    return Memory(
        attempts,
        _past(memory.past_answers, last.answers, seen.answers),
        _past(memory.past_latency, last.latency, seen.latency),
        seen,
    )


def _past(past: tuple[int, ...], last: tuple[int, ...], seen: tuple[int, ...]) -> tuple[int, ...]:
    went_back = any(now < before for before, now in zip(last, seen, strict=True))
    return _add(past, last) if went_back else past


def _add(left: tuple[int, ...], right: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(a + b for a, b in zip(left, right, strict=True))
