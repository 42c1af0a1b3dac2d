"""Releasing: a fleet in which releases are conducted, by the engine's real code, in a hurry.

Platform, router and users are simulated; registry (a folder of real images), ledger, keeper's tick
and everything that decides are real.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.simulated_fleet.hurry import HurriedClock
from benchmarks.simulated_fleet.names import service_name
from benchmarks.simulated_fleet.users import SimulatedSource
from davylamp.builds.contract import Contract
from davylamp.builds.image import build_image, push_image
from davylamp.builds.layout import LayoutRegistry
from davylamp.catalog.model import Catalog
from davylamp.fleet.protocol import StartOrder
from davylamp.judge.sample import Role
from davylamp.ledger import evidence, inventory, releases, routes
from davylamp.ledger.instance import Instance, InstanceState
from davylamp.ledger.models import ReleaseState
from davylamp.ledger.releases import Release, active_releases
from davylamp.ledger.session import Ledger
from davylamp.rollout.conduct import Conduct
from davylamp.rollout.drive import drive
from davylamp.rollout.parts import Parts
from davylamp.settings import load_settings
from davylamp.signals.sampler import sample_once, watched_sides

FIRST, NEXT = "1.0.0", "1.1.0"
SAMPLED = (
    ReleaseState.STARTING,
    ReleaseState.STEPPING,
    ReleaseState.HELD,
    ReleaseState.PROMOTING,
)
"""As the keeper has it."""


class StartingPlatform:
    """Implements `Platform` in memory: what is started is ready."""

    def __init__(self) -> None:
        self.running: dict[str, Instance] = {}

    def start(self, order: StartOrder) -> None:
        for name in order.ids:
            self.running[name] = Instance(
                id=name,
                service=order.service,
                digest=order.digest,
                role=order.role,
                release_id=order.release_id,
                state=InstanceState.READY,
                address=f"127.0.0.1:{10_000 + len(self.running)}",
            )

    def stop(self, ids: Sequence[str], grace_seconds: float = 10.0) -> None:
        for name in ids:
            self.running.pop(name, None)

    def instances(self) -> list[Instance]:
        return list(self.running.values())


@dataclass
class Releasing:
    """A fleet whose services each run their first build, and have a next one in the registry."""

    parts: Parts
    platform: StartingPlatform
    source: SimulatedSource = field(default_factory=SimulatedSource)
    failing: float = 0.0
    """Share of the candidates' requests that fail, from now on."""
    _sampled_at: float = 0.0

    def __post_init__(self) -> None:
        self.clock = HurriedClock(self.meanwhile)

    def release(self, service: str) -> Release:
        """From its first row to its end."""
        conduct = Conduct.open(self.parts, service=service, image=NEXT, requested_by="simulation")
        return drive(conduct)

    def meanwhile(self, at: float) -> None:
        """What router and keeper do for the release while its driver sleeps."""
        with self.parts.ledger.begin() as db:
            (release,) = active_releases(db)
            intent = routes.read_route(db, release.service)
            if intent is not None and not intent.is_confirmed:
                routes.confirm_routes(db, {release.service: intent.generation})
        if at - self._sampled_at >= 1.0 and release.state in SAMPLED:
            self._sampled_at = self.source.at = at
            self.source.failing = {release.id: self.failing}
            sides = watched_sides([release])
            sample_once(self.parts.ledger, self.source, self.platform.instances(), sides)


@contextmanager
def releasing(
    ledger: Ledger, folder: Path, services: int, replicas: int, **settings: float
) -> Generator[Releasing]:
    """`folder` has to be empty; the ledger may hold such a fleet of before."""
    registry = LayoutRegistry(folder / "registry")
    names = [service_name(n) for n in range(services)]
    catalog = Catalog.model_validate({"services": {n: _entry(n, replicas) for n in names}})
    given = {"ledger_url": "", "registry_url": f"oci-layout://{registry.folder}"}
    platform = StartingPlatform()
    parts = Parts(load_settings(home=folder, **given, **settings), ledger, platform, catalog)
    for name in names:
        _make_stable(parts, platform, name, _push(registry, folder, name, FIRST), replicas)
        _push(registry, folder, name, NEXT)
    yield Releasing(parts, platform)


def _entry(name: str, replicas: int) -> dict[str, object]:
    return {
        "name": name,
        "owner": "simulation",
        "image": {"repository": f"shop/{name}"},
        "route": {"hosts": [f"{name}.localhost"]},
        "signature_required": False,
        "instances": replicas,
    }


def _push(registry: LayoutRegistry, folder: Path, name: str, version: str) -> str:
    source = folder / "source"
    source.mkdir(exist_ok=True)
    (source / "server.py").write_text(f"# {name} {version}\n")
    built = build_image(
        source, version=version, contract=Contract(), entrypoint=["python3", "server.py"]
    )
    return push_image(registry, f"shop/{name}", built, None).digest


def _make_stable(
    parts: Parts, platform: StartingPlatform, name: str, digest: str, replicas: int
) -> None:
    """As a release would have left it."""
    image = f"shop/{name}@{digest}"
    ids = tuple(f"{name}-first-{n}" for n in range(replicas))
    with parts.ledger.begin() as db:
        first = releases.open_release(
            db, service=name, image=FIRST, plan={}, entry={}, seed=1, requested_by="simulation"
        )
        releases.end_release(db, first.id, ReleaseState.PROMOTED, "as it was")
        platform.start(StartOrder(ids, name, image, digest, Role.STABLE, first.id))
        mine = [platform.running[one] for one in ids]
        evidence.record_build(
            db,
            service=name,
            digest=digest,
            repository=f"shop/{name}",
            version=FIRST,
            contract=Contract().model_dump(mode="json"),
            signed_by="",
        )
        inventory.set_stable(
            db, name, digest=digest, version=FIRST, image=image, release_id=first.id
        )
        inventory.assign(db, mine)
        inventory.observe(db, mine, whole_fleet=False)
