"""One cluster of one Envoy over time: what it has counted, through restarts of either. Pure.

Several Envoys are added up from such parts, and a sum that only grows needs parts that only grow.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from davylamp.signals.envoy_counters import Attempts, Counters
from davylamp.signals.envoy_memory import Memory, remember

Totals = npt.NDArray[np.int64]
"""Attempts (3), unplaced and refused ones (5), answers by class (5), latency by bucket."""

_ATTEMPTS, _NEVER_SENT, _ANSWERS = 3, 8, 13
_UNSENT = (
    "none_healthy",
    "pending_overflow",
    "cancelled",
    "pending_failure_eject",
    "active_overflow",
)


_NEVER_FALL = ("total", "cancelled", "pending_failure_eject", "pending_overflow", "none_healthy")
"""While a process lives, whatever happens to its configuration."""


@dataclass(frozen=True)
class Part:
    """`kept` is added to what the memory knows: it stands for the processes before."""

    at: float
    """Unix seconds of the newest scrape that had it."""
    process: int
    """Which process of this Envoy counted it: 0, 1, …"""
    memory: Memory
    kept: Totals
    was_replaced: bool = False
    """Another process answered in the newest scrape: what lies before it is not known."""

    @property
    def totals(self) -> Totals:
        return self.kept + _totals(self.memory)

    @property
    def in_flight(self) -> int:
        return self.memory.last.count("active") + self.memory.last.count("pending_active")


def first_part(at: float, process: int, seen: Counters, *, is_old: bool) -> Part:
    """An old one has a history from before anybody looked: its totals start at nothing."""
    memory = Memory(last=seen)
    totals = _totals(memory)
    return Part(at, process, memory, -totals if is_old else np.zeros_like(totals))


def advance(part: Part, at: float, process: int, seen: Counters) -> Part:
    """Take in a newer scrape.

    Where the process was replaced, what happened between the two scrapes can't be told from what
    happened before: the totals stand still.
    """
    last = part.memory.last
    fell = any(seen.count(name) < last.count(name) for name in _NEVER_FALL)
    if process == part.process and not fell:
        return Part(at, process, remember(part.memory, seen), part.kept)
    begun = Memory(last=seen)
    # never below what is counted now: started anew, we would report just that, and only a sum
    # that falls shows the judge where we did
    kept = np.maximum(part.totals - _totals(begun), 0)
    return Part(at, process, begun, kept, was_replaced=True)


def added_up(parts: Iterable[Part], in_flight: int) -> Memory:
    """All parts of one side as if one Envoy had counted them."""
    sums = sum((part.totals for part in parts), np.zeros_like(_totals(Memory())))
    never_sent = dict(zip(_UNSENT, map(int, sums[_ATTEMPTS:_NEVER_SENT]), strict=True))
    return Memory(
        Attempts(*map(int, sums[:_ATTEMPTS])),
        tuple(map(int, sums[_NEVER_SENT:_ANSWERS])),
        tuple(map(int, sums[_ANSWERS:])),
        Counters(never_sent | {"active": in_flight}),
    )


def _totals(memory: Memory) -> Totals:
    attempts = memory.attempts
    return np.array(
        [
            *(attempts.total, attempts.success, attempts.error),
            *(memory.last.count(name) for name in _UNSENT),
            *memory.answers,
            *memory.latency,
        ],
        dtype=np.int64,
    )
