"""The events: requests wait for a worker, use CPU, wait for what is shared, and end.

A worker is held until its request is answered. Collections and CPU quotas stop a whole
instance: whatever runs there ends that much later. A client that has waited for its
time-out is gone, but unless the service drops stale work, the work is done for nobody.
"""

from __future__ import annotations

import random
from collections import deque
from dataclasses import dataclass
from heapq import heappop, heappush

import numpy as np

from benchmarks.calibration.queueing_requests import FAILED, LOST, Ints, Requests, pool_sizes
from benchmarks.calibration.queueing_service import Need, Resource, Service
from benchmarks.calibration.queueing_weather import Weather, warm_up
from davylamp.judge.sample import Floats

FINISH, ASK, GIVE_UP, BACK, WAKE, SAMPLE, CRASH, SHRINK = range(8)
NEVER = float("inf")
PAD = 300
"""Ticks of weather after the last, for what starts late."""
PERIOD = 0.1
"""Seconds, of a CPU quota: the kernel's default."""


class Shared:
    """The database or the dependency while it runs."""

    __slots__ = ("fails", "frozen", "limit", "patience", "queue", "slots", "slow", "used")

    def __init__(self, resource: Resource, slow: list[float], fails: list[float]) -> None:
        self.slots, self.limit = resource.slots, resource.queue_limit
        self.patience = resource.patience_seconds
        self.slow, self.fails = slow, fails
        self.used, self.frozen = 0, 0.0
        self.queue: deque[int] = deque()


class Instance:
    """One process. `stalled` is the total of its stops so far, `frozen` the end of the last."""

    __slots__ = (
        "busy", "cache", "cpu", "debt", "fresh_cache", "frozen", "garbage", "headroom", "live",
        "peak", "period", "queue", "restarts", "slow", "stalled", "up_at", "workers",
    )  # fmt: skip

    def __init__(self, service: Service, slow: list[float], *, warm: bool, phase: float) -> None:
        self.workers, self.slow = service.workers, slow
        self.busy, self.cpu, self.stalled, self.frozen, self.up_at = 0, 0.0, 0.0, 0.0, 0.0
        self.queue: deque[int] = deque()
        self.fresh_cache = [-1] * service.cache_slots
        self.cache = list(range(service.cache_slots)) if warm else self.fresh_cache.copy()
        self.live = service.live_mb + (service.item_mb * service.cache_slots if warm else 0.0)
        self.garbage, self.headroom = phase * service.young_mb, service.young_mb
        self.peak, self.restarts = self.live + (service.young_mb if warm else 0.0), 0
        self.period, self.debt = 0, 0.0


@dataclass(frozen=True)
class Outcome:
    """`end` and `result` by request; the rest (T, instances): used CPU, memory, restarts."""

    end: list[float]
    result: list[int]
    instance: Ints
    cpu_seconds: Floats
    memory_mb: Floats
    restarts: Floats


class Simulation:
    """One run of one service in its weather."""

    def __init__(self, service: Service, weather: Weather, requests: Requests, seed: int) -> None:
        self.service, self.ticks = service, len(weather.rate)
        self.random = random.Random(seed)
        slow = np.pad(weather.slow, ((0, 0), (0, PAD)), mode="edge").tolist()
        fresh = sum(pool_sizes(service)[:2])
        self.instances = [
            Instance(
                service, row, warm=k >= fresh, phase=self.random.random() if k >= fresh else 0.0
            )
            for k, row in enumerate(slow)
        ]
        ones, none = [1.0] * (self.ticks + PAD), [0.0] * (self.ticks + PAD)
        calls = [np.pad(c, (0, PAD)).tolist() for c in (weather.calls_slow, weather.calls_fail)]
        self.database = Shared(service.database, ones, none)
        self.dependency = Shared(service.dependency, calls[0], calls[1])
        self.at = requests.at.tolist()
        self.home = [self.instances[k] for k in requests.instance.tolist()]
        self.need, self.item = requests.need.tolist(), requests.item.tolist()
        self.cpu, self.shared = requests.cpu_seconds.tolist(), requests.shared_seconds.tolist()
        self.result, self.garbage = requests.result.tolist(), requests.garbage_mb.tolist()
        self.leak, self.lock = requests.leak_mb.tolist(), requests.lock_seconds.tolist()
        self.trouble, self.retries = requests.trouble.tolist(), requests.retries.tolist()
        self.hangs = requests.hangs.tolist()
        size = len(self.at)
        self.end, self.stalled, self.asked = [NEVER] * size, [0.0] * size, [-1.0] * size
        self.pressure = service.cpu_seconds / service.busy_seconds / service.cores
        self.quota = weather.quota_cores * PERIOD
        self.samples: list[list[tuple[float, float, int]]] = []
        self.events: list[tuple[float, int, int]] = []
        self.crash_gaps: list[float] = []
        """Seconds of life left after each restart of what crashes by itself."""
        self.arrived = 0
        self.actions = (
            self.finish, self.ask, self.give_up, self.back,
            self.wake, self.sample, self.crash, self.shrink,
        )  # fmt: skip

    def schedule(self, at: float, what: int, who: int) -> None:
        heappush(self.events, (at, what, who))

    def run(self) -> Outcome:
        for tick in range(1, self.ticks + 1):
            self.schedule(float(tick), SAMPLE, tick)
        for i, at in enumerate(self.at):
            if self.events and self.events[0][0] <= at:
                self.advance(at)
            self.arrived = i
            self.arrive(at, i)
        self.advance(float(self.ticks))
        return self.outcome()

    def advance(self, until: float) -> None:
        """Let happen what happens up to a moment."""
        events, actions = self.events, self.actions
        while events and events[0][0] <= until:
            at, what, who = heappop(events)
            actions[what](at, who)

    def arrive(self, at: float, i: int) -> None:
        place = self.home[i]
        if at < place.up_at:
            place = self.elsewhere(at, i)
        if at < place.up_at:
            self.end[i], self.result[i] = at, LOST
        elif place.busy < place.workers:
            self.begin(at, i, place)
        elif len(place.queue) < self.service.queue_limit or self.makes_room(at, place):
            place.queue.append(i)
        elif self.service.refuses:
            self.end[i], self.result[i] = at, LOST

    def makes_room(self, at: float, place: Instance) -> bool:
        """Throw out the oldest in a full queue whose clients have gone."""
        queue, gone = place.queue, at - self.service.timeout_seconds
        while self.service.drops_stale and queue and self.at[queue[0]] < gone:
            queue.popleft()
        return len(queue) < self.service.queue_limit

    def elsewhere(self, at: float, i: int) -> Instance:
        """Another instance of the same side, once the proxy knows this one is down."""
        place = self.home[i]
        if self.service.avoids_down and at > place.up_at - self.service.boot_seconds + 1:
            up = [p for p in self.siblings(self.instances.index(place)) if at >= p.up_at]
            if up:
                self.home[i] = up[i % len(up)]
        return self.home[i]

    def siblings(self, k: int) -> list[Instance]:
        first = 0
        for size in pool_sizes(self.service):
            if k < first + size:
                return self.instances[first : first + size]
            first += size
        return []

    def begin(self, at: float, i: int, place: Instance) -> None:
        """A worker takes a request up."""
        place.busy += 1
        if self.hangs[i]:
            return
        if at < place.frozen:  # noqa: PLR1730 - the hot loop
            at = place.frozen
        self.stalled[i] = place.stalled
        cpu = self.cpu[i] * place.slow[int(at)]
        place.cpu += cpu
        place.live += self.leak[i]
        place.garbage += self.garbage[i]
        if place.garbage > place.headroom:
            self.collect(at, place)
        if self.quota:
            self.throttle(at, cpu, place)
        crowd = place.busy * self.pressure
        if crowd > 1:
            cpu *= crowd
        need = self.need[i]
        if not need or (need == Need.CACHED_READ and self.is_cached(i, place)):
            heappush(self.events, (at + cpu, FINISH, i))
        else:
            heappush(self.events, (at + cpu, ASK, i))

    def is_cached(self, i: int, place: Instance) -> bool:
        """Whether the row is there; from now on it is. Each row has one slot it can be in."""
        item, cache = self.item[i], place.cache
        slot = item % len(cache)
        found = cache[slot]
        if found == item:
            return True
        if found < 0:
            place.live += self.service.item_mb
        cache[slot] = item
        return False

    def collect(self, at: float, place: Instance) -> None:
        """Stop the world. The more is alive the longer; the less room the sooner again."""
        service = self.service
        room = min(service.young_mb, service.limit_mb - place.live)
        place.peak = max(place.peak, place.live + place.garbage)
        place.garbage, place.headroom = 0.0, max(room, 0.02 * service.young_mb)
        pause = service.pause_seconds * place.live / service.live_mb * self.random.uniform(0.5, 1.5)
        place.cpu += pause
        self.stall(at, pause, place)

    def throttle(self, at: float, cpu: float, place: Instance) -> None:
        """Charge the quota; when it is used up, stop until the period in which it is paid."""
        now = int(at / PERIOD)
        place.debt = max(0.0, place.debt - (now - place.period) * self.quota) + cpu
        place.period = now
        if place.debt > self.quota:
            resumes = (now + int(place.debt / self.quota)) * PERIOD
            if resumes > place.frozen:
                self.stall(at, resumes - max(at, place.frozen), place)

    def stall(self, at: float, seconds: float, place: Instance) -> None:
        place.frozen = max(at, place.frozen) + seconds
        place.stalled += seconds

    def finish(self, at: float, i: int) -> None:
        """Answer, unless the instance stood still meanwhile or is gone."""
        if self.end[i] != NEVER:
            return
        place = self.home[i]
        late = place.stalled - self.stalled[i]
        if late > 0:
            self.stalled[i] = place.stalled
            heappush(self.events, (at + late, FINISH, i))
            return
        self.end[i] = at
        self.free(at, place)

    def fail(self, at: float, i: int) -> None:
        self.end[i], self.result[i] = at, FAILED
        self.free(at, self.home[i])

    def free(self, at: float, place: Instance) -> None:
        """A worker looks for its next request."""
        place.busy -= 1
        queue = place.queue
        gone = at - self.service.timeout_seconds if self.service.drops_stale else -1.0
        while queue:
            i = queue.popleft()
            if self.at[i] >= gone:
                self.begin(at, i, place)
                return

    def ask(self, at: float, i: int) -> None:
        """Use what is shared, or queue for it."""
        if self.end[i] != NEVER:
            return
        shared = self.dependency if self.need[i] == Need.CALL else self.database
        if shared.used < shared.slots and at >= shared.frozen:
            self.use(at, i, shared)
        elif len(shared.queue) < shared.limit:
            self.asked[i] = at
            shared.queue.append(i)
            heappush(self.events, (at + shared.patience, GIVE_UP, i))
        else:
            self.fail(at, i)

    def use(self, at: float, i: int, shared: Shared) -> None:
        shared.used += 1
        lock = self.lock[i]
        if lock:
            shared.frozen = at + lock
            heappush(self.events, (at + lock, WAKE, 0))
        heappush(self.events, (at + self.shared[i] * shared.slow[int(at)] + lock, BACK, i))

    def give_up(self, at: float, i: int) -> None:
        """No slot in time, if this is still the same wait."""
        shared = self.dependency if self.need[i] == Need.CALL else self.database
        asked = self.asked[i]
        if self.end[i] == NEVER and 0 <= asked <= at - shared.patience + 1e-9:
            self.asked[i] = -1.0
            self.fail(at, i)

    def back(self, at: float, i: int) -> None:
        """What is shared has answered; a call may have failed and be tried again."""
        shared = self.dependency if self.need[i] == Need.CALL else self.database
        shared.used -= 1
        if shared.queue:
            self.serve(at, shared)
        if self.end[i] != NEVER:
            return
        risk = shared.fails[int(at)] + self.trouble[i]
        if not risk or self.random.random() >= risk:
            self.finish(at, i)
        elif self.retries[i] > 0:
            self.retries[i] -= 1
            self.ask(at, i)
        else:
            self.fail(at, i)

    def serve(self, at: float, shared: Shared) -> None:
        while shared.queue and shared.used < shared.slots and at >= shared.frozen:
            i = shared.queue.popleft()
            if self.end[i] == NEVER and self.asked[i] >= 0:
                self.asked[i] = -1.0
                self.use(at, i, shared)

    def wake(self, at: float, _: int) -> None:
        """A lock is given back."""
        self.serve(at, self.database)

    def sample(self, at: float, _: int) -> None:
        """Read CPU and memory; kill what has outgrown its limit."""
        self.samples.append([(p.cpu, self.memory(p), p.restarts) for p in self.instances])
        for k, place in enumerate(self.instances):
            if place.live > self.service.limit_mb:
                self.crash(at, k)

    def memory(self, place: Instance) -> float:
        """Resident MB: what was once used stays, unless the runtime gives it back."""
        now = place.live + place.garbage
        place.peak = max(place.peak, now)
        return now if self.service.gives_memory_back else place.peak

    def crash(self, at: float, k: int) -> None:
        """Everything the instance had in hand is reset; it comes back empty."""
        place, service = self.instances[k], self.service
        self.lose(at, place)
        place.queue.clear()
        place.busy, place.stalled, place.frozen, place.debt = 0, 0.0, 0.0, 0.0
        place.cache = place.fresh_cache.copy()
        place.live, place.garbage, place.headroom = service.live_mb, 0.0, service.young_mb
        place.peak, place.up_at = place.live, at + service.boot_seconds
        place.restarts += 1
        age = np.arange(len(place.slow)) - place.up_at
        place.slow = (np.array(place.slow) * warm_up(service, np.where(age < 0, 0, age))).tolist()
        if self.crash_gaps:
            self.schedule(place.up_at + self.crash_gaps.pop(), CRASH, k)

    def lose(self, at: float, place: Instance) -> None:
        """Even those whose client has gone, or their workers would be given back twice."""
        for i in range(self.arrived, -1, -1):
            if self.at[i] < place.up_at:
                return
            if self.home[i] is place and self.end[i] == NEVER:
                self.end[i], self.result[i] = at, LOST

    def shrink(self, at: float, slots: int) -> None:
        """The candidate's caches hold only so many rows from now on."""
        for place in self.instances[: self.service.instances]:
            place.live -= self.service.item_mb * sum(item >= 0 for item in place.cache)
            place.fresh_cache = [-1] * slots
            place.cache = place.fresh_cache.copy()

    def outcome(self) -> Outcome:
        number = {id(place): k for k, place in enumerate(self.instances)}
        table = np.array(self.samples, dtype=np.float64)
        first = np.zeros((1, len(self.instances)))
        cpu = np.diff(table[:, :, 0], axis=0, prepend=first)
        return Outcome(
            end=self.end,
            result=self.result,
            instance=np.array([number[id(p)] for p in self.home]),
            cpu_seconds=cpu + self.service.idle_cores,
            memory_mb=table[:, :, 1],
            restarts=np.diff(table[:, :, 2], axis=0, prepend=first),
        )
