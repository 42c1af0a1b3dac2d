"""A made-up service: how large, how fast, how patient. No two seeds give the same one."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import IntEnum

import numpy as np
from numpy.random import Generator


class Need(IntEnum):
    """What a request needs besides its own CPU."""

    NOTHING = 0
    CACHED_READ = 1
    """A row of the shared database, unless the instance has it cached."""
    WRITE = 2
    """The shared database, always."""
    CALL = 3
    """The dependency."""


@dataclass(frozen=True)
class Endpoint:
    """`share` of all requests; `cpu_seconds` and `shared_seconds` are means of one request."""

    need: Need
    share: float
    cpu_seconds: float
    shared_seconds: float


@dataclass(frozen=True)
class Resource:
    """The database or the dependency, used by every side: `slots` at once, a bounded queue."""

    slots: int
    queue_limit: int
    patience_seconds: float
    """How long a caller waits for a slot before it answers 500."""


@dataclass(frozen=True)
class Service:
    """One service. Sizes are per instance; candidate and baseline have `instances` each.

    Stable has `stable_ratio` times as many, of the same size. Memory is in MB.
    """

    rps: float
    instances: int
    stable_ratio: int
    baseline_instances: int
    endpoints: tuple[Endpoint, ...]
    spread: float
    """Sigma of the log-normal service times."""
    workers: int
    cores: float
    queue_limit: int
    timeout_seconds: float
    database: Resource
    dependency: Resource
    retries: int
    items: int
    """Rows that can be asked for, with Zipf-like popularity."""
    cache_slots: int
    item_mb: float
    garbage_mb: float
    """Allocated by a mean request, and freed by the next collection."""
    young_mb: float
    """Garbage that sets off a collection."""
    pause_seconds: float
    live_mb: float
    limit_mb: float
    gives_memory_back: bool
    error_rate: float
    client_error_rate: float
    boot_seconds: float
    warm_up_seconds: float
    warm_up_factor: float
    """How much slower code runs in its first second; fades over `warm_up_seconds`."""
    idle_cores: float
    node_sigma: float
    """Nodes of one kind still differ in speed."""
    drops_stale: bool
    """Whether work whose client has gone is thrown away instead of done for nobody."""
    refuses: bool
    """Whether a full queue refuses at once (else the client waits for its time-out)."""
    avoids_down: bool
    """Whether the proxy goes elsewhere once an instance has been down for a second."""
    sticky_instances: bool
    """Whether a user always meets the same instance (else round robin)."""

    @property
    def total_instances(self) -> int:
        return self.instances * (1 + self.stable_ratio) + self.baseline_instances

    @property
    def side_share(self) -> float:
        """Share of users on the candidate, and on the baseline."""
        return 1.0 / (2 + self.stable_ratio)

    @property
    def cpu_seconds(self) -> float:
        """Of a mean request."""
        return sum(e.share * e.cpu_seconds for e in self.endpoints)

    @property
    def busy_seconds(self) -> float:
        """For which a mean request holds its worker."""
        return self.cpu_seconds + sum(e.share * e.shared_seconds for e in self.endpoints)

    def demand(self, *needs: Need) -> float:
        """Mean seconds of a shared resource that all sides together ask for in a second."""
        each = sum(e.share * e.shared_seconds for e in self.endpoints if e.need in needs)
        return self.rps * (2 + self.stable_ratio) * each


def draw_service(rng: Generator, rps: float, *, with_stable: bool) -> Service:
    """A service for `rps` requests/s on the candidate, 20–65 % utilised."""
    instances = 1 if rps < 5 else int(rng.integers(1, 4))
    endpoints = _endpoints(rng)
    ratio = int(rng.integers(4, 7) if rps < 100 else rng.integers(3, 5))
    garbage, rate = rng.uniform(0.05, 1.0), rps / instances
    young = garbage * rate * rng.uniform(4, 40)
    live = rng.uniform(60, 400)
    slots = int(rng.integers(100, 1500))
    draft = Service(
        rps=rps,
        instances=instances,
        stable_ratio=ratio if with_stable else 0,
        baseline_instances=instances,
        endpoints=endpoints,
        spread=rng.uniform(0.3, 0.8),
        workers=1,
        cores=1.0,
        queue_limit=0,
        timeout_seconds=float(rng.choice([1.0, 2.0, 3.0, 5.0, 10.0, 15.0])),
        database=Resource(1, 0, 0.0),
        dependency=Resource(1, 0, 0.0),
        retries=int(rng.integers(0, 3)),
        items=int(slots * rng.uniform(2, 10)),
        cache_slots=slots,
        item_mb=live * rng.uniform(0.1, 0.5) / slots,
        garbage_mb=garbage,
        young_mb=young,
        pause_seconds=rng.uniform(0.002, 0.015),
        live_mb=live,
        limit_mb=live * 1.6 + young * rng.uniform(2, 5),
        gives_memory_back=bool(rng.random() < 0.5),
        error_rate=float(np.exp(rng.uniform(np.log(1e-4), np.log(4e-3)))),
        client_error_rate=rng.uniform(0.002, 0.03),
        boot_seconds=rng.uniform(1.5, 6),
        warm_up_seconds=rng.uniform(5, 30),
        warm_up_factor=rng.uniform(1.05, 1.6),
        idle_cores=rng.uniform(0.002, 0.03),
        node_sigma=rng.uniform(0.0, 0.015),
        drops_stale=bool(rng.random() < 0.7),
        refuses=bool(rng.random() < 0.6),
        avoids_down=bool(rng.random() < 0.7),
        sticky_instances=bool(rng.random() < 0.3),
    )
    return _sized(rng, draft)


def _endpoints(rng: Generator) -> tuple[Endpoint, ...]:
    """5–20 endpoints; the first of each kind has at least some 5 % of the traffic."""
    count = int(rng.integers(5, 21))
    shares = rng.dirichlet(np.full(count, 2.0))
    shares[: len(Need)] = np.maximum(shares[: len(Need)], 0.06)
    shares /= shares.sum()
    pace = float(np.exp(rng.uniform(np.log(0.25), np.log(2.5))))
    kinds = [*Need, *rng.choice(list(Need), count - len(Need))]
    heavy = rng.integers(count)
    return tuple(
        _endpoint(rng, Need(kind), float(share), pace, cpu_bound=k == heavy)
        for k, (kind, share) in enumerate(zip(kinds, shares, strict=True))
    )


def _endpoint(
    rng: Generator, need: Need, share: float, pace: float, *, cpu_bound: bool
) -> Endpoint:
    low, high = (0.02, 0.08) if cpu_bound or need is Need.NOTHING else (0.002, 0.012)
    shared = {
        Need.NOTHING: 0.0,
        Need.CACHED_READ: rng.uniform(0.02, 0.08),
        Need.WRITE: rng.uniform(0.004, 0.02),
        Need.CALL: rng.uniform(0.01, 0.08),
    }[need]
    return Endpoint(need, share, pace * rng.uniform(low, high), pace * shared)


def _sized(rng: Generator, draft: Service) -> Service:
    """The same service with as many workers, cores and slots as its load wants."""
    rate = draft.rps / draft.instances
    workers = max(int(rng.integers(2, 9)), int(np.ceil(rate * draft.busy_seconds / _use(rng))))
    cores = max(rng.uniform(0.4, 2.0), rate * draft.cpu_seconds / _use(rng))
    return replace(
        draft,
        workers=workers,
        cores=cores,
        timeout_seconds=max(draft.timeout_seconds, 40 * draft.busy_seconds),
        queue_limit=int(workers * rng.uniform(2, 12)),
        database=_resource(rng, draft.demand(Need.CACHED_READ, Need.WRITE)),
        dependency=_resource(rng, draft.demand(Need.CALL)),
    )


def _use(rng: Generator) -> float:
    return rng.uniform(0.2, 0.65)


def _resource(rng: Generator, demand: float) -> Resource:
    slots = max(int(rng.integers(3, 9)), int(np.ceil(demand / rng.uniform(0.15, 0.5))))
    return Resource(slots, int(slots * rng.uniform(5, 30)), rng.uniform(0.2, 2.0))
