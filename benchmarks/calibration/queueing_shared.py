"""The database or the dependency: slots that all sides share, and one queue for them."""

from __future__ import annotations

from collections import deque
from heapq import heappush

from benchmarks.calibration.queueing_service import Resource

FINISH, ASK, GIVE_UP, BACK, WAKE, SAMPLE, CRASH, SHRINK = range(8)
"""What can happen. An event is (second, what, to whom): a request, an instance, or neither."""
Event = tuple[float, int, int]
NEVER = float("inf")


class Shared:
    """`fails` is the chance of a failure by tick; `slow` multiplies service times by tick.

    `end` (when each request ended, NEVER if not yet), `seconds` and `lock_seconds` are columns
    of all requests, which the simulation owns.
    """

    def __init__(
        self,
        resource: Resource,
        weather: tuple[list[float], list[float]],
        events: list[Event],
        columns: tuple[list[float], list[float], list[float]],
    ) -> None:
        self.slots, self.limit = resource.slots, resource.queue_limit
        self.patience = resource.patience_seconds
        self.slow, self.fails = weather
        self.events = events
        self.end, self.seconds, self.lock_seconds = columns
        self.used, self.frozen = 0, 0.0
        self.queue: deque[int] = deque()
        self.asked: dict[int, float] = {}
        """Since when those in the queue wait."""

    def takes(self, at: float, i: int) -> bool:
        """Serve a request now or queue it; False when even the queue is full."""
        if self.used < self.slots and at >= self.frozen:
            self.use(at, i)
        elif len(self.asked) < self.limit:
            self.asked[i] = at
            self.queue.append(i)
            heappush(self.events, (at + self.patience, GIVE_UP, i))
        else:
            return False
        return True

    def use(self, at: float, i: int) -> None:
        self.used += 1
        lock = self.lock_seconds[i]
        if lock:
            self.frozen = at + lock
            heappush(self.events, (at + lock, WAKE, i))
        heappush(self.events, (at + self.seconds[i] * self.slow[int(at)] + lock, BACK, i))

    def give_back(self, at: float) -> None:
        self.used -= 1
        if self.queue:
            self.serve(at)

    def serve(self, at: float) -> None:
        """Let in who waits, as far as there is room, and no lock."""
        while self.queue and self.used < self.slots and at >= self.frozen:
            i = self.queue.popleft()
            if self.asked.pop(i, None) is not None and self.end[i] == NEVER:
                self.use(at, i)

    def has_lost(self, at: float, i: int) -> bool:
        """Whether this request's patience ends now: it may have been served, and ask again."""
        asked = self.asked.get(i)
        if self.end[i] != NEVER or asked is None or asked > at - self.patience + 1e-9:
            return False
        del self.asked[i]
        return True
