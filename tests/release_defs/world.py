"""A small world around a real ledger and a real registry: copies that start at once, a router
that confirms at once, and users whose requests fail as often as a test wants."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import yaml
from sqlalchemy import Connection

from davylamp.builds.contract import Contract
from davylamp.builds.image import build_image, push_image
from davylamp.builds.layout import LayoutRegistry
from davylamp.fleet.protocol import StartOrder
from davylamp.judge.sample import LATENCY_BOUNDS_MS, Role, Sample
from davylamp.ledger import evidence, routes
from davylamp.ledger.instance import Instance, InstanceState
from davylamp.ledger.releases import active_releases
from davylamp.ledger.session import Ledger
from davylamp.rollout.parts import Parts
from davylamp.settings import Settings

SERVICE = "checkout"
_RATE = 300
"""Requests a reading."""
_READ_SECONDS = 0.1
"""Between two readings. The judge takes each for a second: evidence comes in ten times as fast."""
_SHARES = np.exp(-0.5 * ((np.arange(len(LATENCY_BOUNDS_MS) + 1) - 15) / 3) ** 2)
_SHARES /= _SHARES.sum()
"""Of answers by latency bucket."""


class Copies:
    """Implements `Platform` in memory: what is started is ready, unless told otherwise."""

    def __init__(self) -> None:
        self.running: dict[str, Instance] = {}
        self.state = InstanceState.READY

    def start(self, order: StartOrder) -> None:
        for name in order.ids:
            self.running[name] = Instance(
                id=name,
                service=order.service,
                digest=order.digest,
                role=order.role,
                release_id=order.release_id,
                state=self.state,
                address=f"127.0.0.1:{1000 + len(self.running)}",
                reason="" if self.state is InstanceState.READY else "it never listened",
            )

    def stop(self, ids: Sequence[str], grace_seconds: float = 10.0) -> None:
        for name in ids:
            self.running.pop(name, None)

    def instances(self) -> list[Instance]:
        return list(self.running.values())


@dataclass
class World:
    parts: Parts
    registry: LayoutRegistry
    sources: Path
    copies: Copies
    failing: float = 0.0
    """Share of the candidate's requests that fail."""
    _counts: dict[tuple[int, Role], np.ndarray] = field(default_factory=dict)
    _latency: dict[tuple[int, Role], np.ndarray] = field(default_factory=dict)
    _dice: np.random.Generator = field(default_factory=lambda: np.random.default_rng(1))

    def push(self, version: str, contract: Contract | None = None) -> str:
        """An image of the service; returns its digest."""
        self.sources.mkdir(exist_ok=True)
        (self.sources / "server.py").write_text(f"# {version}\n")
        built = build_image(
            self.sources,
            version=version,
            contract=contract or Contract(),
            entrypoint=["python3", "server.py"],
        )
        return push_image(self.registry, f"shop/{SERVICE}", built, None).digest

    @contextmanager
    def turning(self) -> Iterator[None]:
        """Let router and users act in the background."""
        stop = threading.Event()
        threads = [
            threading.Thread(target=_repeat, args=(act, seconds, stop))
            for act, seconds in ((self._confirm, 0.02), (self._sample, _READ_SECONDS))
        ]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            stop.set()
            for thread in threads:
                thread.join(10)

    def _confirm(self) -> None:
        with self.parts.ledger.begin() as db:
            intent = routes.read_route(db, SERVICE)
            if intent is not None and not intent.is_confirmed:
                routes.confirm_routes(db, {SERVICE: intent.generation})

    def _sample(self) -> None:
        with self.parts.ledger.begin() as db:
            for release in active_releases(db):
                if release.traffic_at is not None:
                    now, sides = time.time(), (Role.CANDIDATE, Role.BASELINE)
                    evidence.write_samples(db, [self._reading(release.id, s, now) for s in sides])

    def _reading(self, release_id: int, role: Role, at: float) -> Sample:
        total = self._counts.setdefault((release_id, role), np.zeros(2, dtype=int))
        failed = round(_RATE * self.failing) if role is Role.CANDIDATE else 0
        total += (_RATE - failed, failed)
        latency = self._latency.setdefault((release_id, role), np.zeros(len(_SHARES), dtype=int))
        latency += self._dice.multinomial(_RATE, _SHARES)
        return Sample(
            service=SERVICE,
            role=role,
            release_id=release_id,
            at=at,
            started=int(total.sum()),
            succeeded=int(total[0]),
            failed=int(total[1]),
            responses=(0, int(total[0]), 0, 0, int(total[1])),
            latency=tuple(latency.tolist()),
            in_flight=0,
            instances=1,
        )


def _repeat(act: Callable[[], None], seconds: float, stop: threading.Event) -> None:
    while not stop.wait(seconds):
        act()


def make_world(ledger: Ledger, folder: Path) -> World:
    copies = Copies()
    registry = LayoutRegistry(folder / "registry")
    catalog = folder / "catalog"
    catalog.mkdir()
    (catalog / f"{SERVICE}.yaml").write_text(yaml.safe_dump(_ENTRY))
    settings = Settings(
        home=folder,
        catalog=catalog,
        registry_url=f"oci-layout://{registry.folder}",
        confirm_seconds=10,
        show_seconds=1,
    )
    return World(Parts(settings, ledger, copies), registry, folder / "sources", copies)


_ENTRY = {
    "name": SERVICE,
    "owner": "tests",
    "image": {"repository": f"shop/{SERVICE}"},
    "route": {"hosts": [f"{SERVICE}.localhost"]},
    "signature_required": False,
    "release": {
        "steps": [
            {"share": 0.2, "seconds": 4, "minimum_requests": 50},
            {"share": 1.0, "seconds": 0, "minimum_requests": 0},
        ],
        "patience_seconds": 30,
        "hold_seconds": 60,
        "drain_seconds": 0,
    },
    "judge": {"minimum_requests": 50, "minimum_ticks": 3, "warm_up_seconds": 0},
}


def know_builds(db: Connection, service: str, versions: Mapping[str, str]) -> None:
    """Write builds down, by digest, as their verification would."""
    for digest, version in versions.items():
        evidence.record_build(
            db,
            service=service,
            digest=digest,
            repository=f"shop/{service}",
            version=version,
            contract={},
            signed_by="",
        )
