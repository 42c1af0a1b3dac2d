"""What every stage of a release works with: the parts, the service, and the hold of the route."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from davylamp.builds.contract import Contract
from davylamp.catalog.model import Service
from davylamp.errors import Refused
from davylamp.fleet.protocol import StartOrder
from davylamp.judge.sample import Role
from davylamp.judge.verdict import Verdict
from davylamp.ledger import evidence
from davylamp.ledger.models import ReleaseState
from davylamp.ledger.releases import Release, append_event, get_release, update_release
from davylamp.rollout.conduct.bench import Bench
from davylamp.rollout.conduct.copies import copy_ids
from davylamp.rollout.conduct.hold_of_route import RouteHold
from davylamp.rollout.conduct.verify import Candidate
from davylamp.rollout.databases import environment_of
from davylamp.rollout.parts import Parts
from davylamp.rollout.plan import Plan


@dataclass(frozen=True)
class Stage:
    """What a stage has done, for people."""

    reason: str
    document: dict[str, Any] = field(default_factory=dict[str, Any])


@dataclass(frozen=True)
class Ending:
    """How a stage with traffic ended: `promote`, `roll_back`, `hold` or `promoted`."""

    kind: str
    reason: str
    verdict: Verdict | None = None
    blames_build: bool = False
    """Whether the build itself was found wanting."""


@dataclass(frozen=True)
class Session:
    """One release in the hands of whoever drives it."""

    parts: Parts
    service: Service
    hold: RouteHold

    @cached_property
    def bench(self) -> Bench:
        """What the judge has heard of this release, in all its phases."""
        return Bench(self.parts.ledger, self.hold.release_id, self.service.judge.policy())

    def release(self) -> Release:
        def read() -> Release:
            with self.parts.ledger.begin() as db:
                return get_release(db, self.hold.release_id)

        return self.hold.patiently(read)

    def plan(self) -> Plan:
        return Plan.from_document(self.release().plan)

    def candidate(self) -> Candidate:
        """The verified build, as the ledger holds it."""
        release = self.release()
        if release.digest is None or release.version is None:
            raise Refused(f"release {release.id} has no verified build yet")
        with self.parts.ledger.begin() as db:
            contract = evidence.contract_of(db, release.service, release.digest)
        return Candidate(
            digest=release.digest,
            version=release.version,
            image=f"{self.service.image.repository}@{release.digest}",
            contract=Contract.model_validate(contract),
        )

    def enter(self, state: ReleaseState, reason: str, **columns: Any) -> None:
        """Move the release to a state. Raises `FencedOff` when somebody has ended it."""

        def write() -> None:
            with self.parts.ledger.begin() as db:
                update_release(db, self.hold.release_id, state, reason, state=state, **columns)

        self.hold.patiently(write)

    def note(self, kind: str, message: str, **data: Any) -> None:
        """Append an event to the release's history."""

        def write() -> None:
            with self.parts.ledger.begin() as db:
                append_event(db, self.hold.release_id, kind, message, data)

        self.hold.patiently(write)

    def order(
        self, image: str, digest: str, version: str, role: Role, first: int, count: int
    ) -> StartOrder:
        """An order for `count` copies, numbered from `first`."""
        return StartOrder(
            ids=copy_ids(self.service.name, self.hold.release_id, role, first, count),
            service=self.service.name,
            image=image,
            digest=digest,
            role=role,
            release_id=self.hold.release_id,
            health_path=self.service.health.path,
            start_seconds=self.service.health.start_seconds,
            registry=self.service.image.registry,
            environment={
                **self.service.environment,
                **environment_of(self.parts.settings, self.service, version),
            },
        )
