"""One process: its workers and queue, its cache, its memory, and what makes it stand still."""

from __future__ import annotations

from collections import deque
from random import Random

import numpy as np

from benchmarks.calibration.queueing_service import Service
from benchmarks.calibration.queueing_weather import warm_up

PERIOD = 0.1
"""Seconds, of a CPU quota: the kernel's default."""


class Instance:
    """`stalled` is the total of its stops so far, in seconds; `frozen` the end of the last.

    Whoever runs something here adds to its end what `stalled` has grown by meanwhile.
    """

    __slots__ = (
        "busy", "cache", "cpu", "debt", "fresh_cache", "frozen", "garbage", "headroom", "live",
        "peak", "period", "queue", "random", "restarts", "service", "slow", "stalled", "up_at",
        "workers",
    )  # fmt: skip

    def __init__(self, service: Service, slow: list[float], rng: Random, *, warm: bool) -> None:
        self.service, self.slow, self.random = service, slow, rng
        self.workers, self.busy = service.workers, 0
        self.queue: deque[int] = deque()
        self.cpu, self.stalled, self.frozen, self.up_at, self.restarts = 0.0, 0.0, 0.0, 0.0, 0
        self.period, self.debt = 0, 0.0
        self.fresh_cache = [-1] * service.cache_slots
        self.cache = list(range(service.cache_slots)) if warm else self.fresh_cache.copy()
        self.live = service.live_mb + (service.item_mb * service.cache_slots if warm else 0.0)
        self.garbage = rng.random() * service.young_mb if warm else 0.0
        self.headroom = service.young_mb
        self.peak = self.live + (service.young_mb if warm else 0.0)

    def is_cached(self, item: int) -> bool:
        """Whether the row is there; from now on it is. Each row has one slot it can be in."""
        cache = self.cache
        slot = item % len(cache)
        found = cache[slot]
        if found == item:
            return True
        if found < 0:
            self.live += self.service.item_mb
        cache[slot] = item
        return False

    def shrink_cache(self, slots: int) -> None:
        self.live -= self.service.item_mb * sum(item >= 0 for item in self.cache)
        self.fresh_cache = [-1] * slots
        self.cache = self.fresh_cache.copy()

    def collect(self, at: float) -> None:
        """Stop the world. The more is alive the longer; the less room the sooner again."""
        service = self.service
        room = min(service.young_mb, service.limit_mb - self.live)
        self.peak = max(self.peak, self.live + self.garbage)
        self.garbage, self.headroom = 0.0, max(room, 0.02 * service.young_mb)
        alive = self.live / service.live_mb
        pause = service.pause_seconds * alive * self.random.uniform(0.5, 1.5)
        self.cpu += pause
        self.stall(at, pause)

    def throttle(self, at: float, cpu: float, quota: float) -> None:
        """Charge the quota; when it is used up, stop until the period in which it is paid."""
        now = int(at / PERIOD)
        self.debt = max(0.0, self.debt - (now - self.period) * quota) + cpu
        self.period = now
        if self.debt > quota:
            resumes = (now + int(self.debt / quota)) * PERIOD
            if resumes > self.frozen:
                self.stall(at, resumes - max(at, self.frozen))

    def stall(self, at: float, seconds: float) -> None:
        self.frozen = max(at, self.frozen) + seconds
        self.stalled += seconds

    def memory_mb(self) -> float:
        """Resident: what was once used stays, unless the runtime gives it back."""
        now = self.live + self.garbage
        self.peak = max(self.peak, now)
        return now if self.service.gives_memory_back else self.peak

    def restart(self, at: float) -> None:
        """Lose everything; be up again, empty and cold, after the boot."""
        service = self.service
        self.queue.clear()
        self.busy, self.stalled, self.frozen, self.debt = 0, 0.0, 0.0, 0.0
        self.cache = self.fresh_cache.copy()
        self.live, self.garbage, self.headroom = service.live_mb, 0.0, service.young_mb
        self.peak, self.up_at = self.live, at + service.boot_seconds
        self.restarts += 1
        age = np.arange(len(self.slow), dtype=np.float64) - self.up_at
        self.slow = np.where(age < 0, self.slow, self.slow * warm_up(service, age)).tolist()
