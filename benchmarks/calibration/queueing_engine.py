"""The events: requests wait for a worker, use CPU, wait for what is shared, and end.

A worker is held until its request is answered. A client that has waited for its time-out is
gone, but unless the service drops stale work, the work is done for nobody.
"""

from __future__ import annotations

from dataclasses import dataclass
from heapq import heappop, heappush
from random import Random

import numpy as np

from benchmarks.calibration.queueing_instance import PERIOD, Instance
from benchmarks.calibration.queueing_requests import FAILED, LOST, Ints, Requests, pool_sizes
from benchmarks.calibration.queueing_service import Need, Service
from benchmarks.calibration.queueing_shared import ASK, CRASH, FINISH, NEVER, SAMPLE, Event, Shared
from benchmarks.calibration.queueing_weather import Weather
from davylamp.judge.sample import Floats

PAD = 300
"""Ticks of weather after the last, for what starts late."""


@dataclass(frozen=True)
class Outcome:
    """`end`, `result`, `instance` by request; the rest (T, instances): what a tick used or left."""

    end: Floats
    result: Ints
    instance: Ints
    cpu_seconds: Floats
    memory_mb: Floats
    restarts: Floats


class Simulation:
    """One run of one service in its weather. Columns of requests are lists: that is fastest."""

    def __init__(
        self,
        service: Service,
        weather: Weather,
        requests: Requests,
        seed: int,
        *,
        events: tuple[Event, ...] = (),
        crash_gaps: tuple[float, ...] = (),
    ) -> None:
        """`crash_gaps` are the lives, in seconds, of what crashes again after each restart."""
        self.service, self.ticks, self.random = service, len(weather.rate), Random(seed)
        self.events = sorted(events)
        self.crash_gaps = list(crash_gaps)
        self.quota = weather.quota_cores * PERIOD
        self.pressure = service.cpu_seconds / service.busy_seconds / service.cores
        self.samples: list[list[tuple[float, float, int]]] = []
        self.arrived = 0
        self._read(requests)
        self._build(weather, requests)
        self.actions = (
            self.finish, self.ask, self.give_up, self.back,
            self.wake, self.sample, self.crash, self.shrink,
        )  # fmt: skip

    def _read(self, requests: Requests) -> None:
        self.at, self.cpu = requests.at.tolist(), requests.cpu_seconds.tolist()
        self.need, self.item = requests.need.tolist(), requests.item.tolist()
        self.garbage, self.leak = requests.garbage_mb.tolist(), requests.leak_mb.tolist()
        self.trouble, self.retries = requests.trouble.tolist(), requests.retries.tolist()
        self.hangs, self.result = requests.hangs.tolist(), requests.result.tolist()
        self.end, self.stalled = [NEVER] * len(self.at), [0.0] * len(self.at)

    def _build(self, weather: Weather, requests: Requests) -> None:
        service, (canary, baseline, _) = self.service, pool_sizes(self.service)
        self.instances = [
            Instance(service, row, self.random, warm=k >= canary + baseline)
            for k, row in enumerate(np.pad(weather.slow, ((0, 0), (0, PAD)), mode="edge").tolist())
        ]
        self.home = [self.instances[k] for k in requests.instance.tolist()]
        steady = [1.0] * (self.ticks + PAD), [0.0] * (self.ticks + PAD)
        slow, fails = np.pad([weather.calls_slow, weather.calls_fail], ((0, 0), (0, PAD))).tolist()
        columns = self.end, requests.shared_seconds.tolist(), requests.lock_seconds.tolist()
        database = Shared(service.database, steady, self.events, columns)
        dependency = Shared(service.dependency, (slow, fails), self.events, columns)
        self.shared = [database, database, database, dependency]
        """By need."""

    def run(self) -> Outcome:
        events = self.events
        for tick in range(1, self.ticks + 1):
            heappush(events, (float(tick), SAMPLE, 0))
        for i, at in enumerate(self.at):
            if events and events[0][0] <= at:
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

    def elsewhere(self, at: float, i: int) -> Instance:
        """Another instance of the same side, once the proxy knows this one is down."""
        place, service = self.home[i], self.service
        if service.avoids_down and at > place.up_at - service.boot_seconds + 1:
            up = [p for p in self.siblings(self.instances.index(place)) if at >= p.up_at]
            if up:
                self.home[i] = up[i % len(up)]
        return self.home[i]

    def siblings(self, k: int) -> list[Instance]:
        canary, baseline, _ = pool_sizes(self.service)
        edges = [0, canary, canary + baseline, len(self.instances)]
        side = int(np.searchsorted(edges, k, side="right"))
        return self.instances[edges[side - 1] : edges[side]]

    def makes_room(self, at: float, place: Instance) -> bool:
        """Throw out the oldest in a full queue whose clients have gone."""
        queue, gone = place.queue, at - self.service.timeout_seconds
        while self.service.drops_stale and queue and self.at[queue[0]] < gone:
            queue.popleft()
        return len(queue) < self.service.queue_limit

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
            place.collect(at)
        if self.quota:
            place.throttle(at, cpu, self.quota)
        crowd = place.busy * self.pressure
        if crowd > 1:
            cpu *= crowd
        need = self.need[i]
        alone = not need or (need == Need.CACHED_READ and place.is_cached(self.item[i]))
        heappush(self.events, (at + cpu, FINISH if alone else ASK, i))

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
        if self.end[i] == NEVER and not self.shared[self.need[i]].takes(at, i):
            self.fail(at, i)

    def give_up(self, at: float, i: int) -> None:
        if self.shared[self.need[i]].has_lost(at, i):
            self.fail(at, i)

    def back(self, at: float, i: int) -> None:
        """What is shared has answered; a call may have failed and be tried again."""
        shared = self.shared[self.need[i]]
        shared.give_back(at)
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

    def wake(self, at: float, i: int) -> None:
        """A lock is given back."""
        self.shared[self.need[i]].serve(at)

    def sample(self, at: float, _: int) -> None:
        """Read CPU and memory; kill what has outgrown its limit."""
        self.samples.append([(p.cpu, p.memory_mb(), p.restarts) for p in self.instances])
        for k, place in enumerate(self.instances):
            if place.live > self.service.limit_mb:
                self.crash(at, k)

    def crash(self, at: float, k: int) -> None:
        """Everything the instance had in hand is reset."""
        place = self.instances[k]
        self.lose(at, place)
        place.restart(at)
        if self.crash_gaps:
            heappush(self.events, (place.up_at + self.crash_gaps.pop(), CRASH, k))

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
            place.shrink_cache(slots)

    def outcome(self) -> Outcome:
        number = {id(place): k for k, place in enumerate(self.instances)}
        table = np.array(self.samples, dtype=np.float64)
        used = np.diff(table, axis=0, prepend=np.zeros_like(table[:1]))
        return Outcome(
            end=np.array(self.end),
            result=np.array(self.result),
            instance=np.array([number[id(p)] for p in self.home]),
            cpu_seconds=used[:, :, 0] + self.service.idle_cores,
            memory_mb=table[:, :, 1],
            restarts=used[:, :, 2],
        )
