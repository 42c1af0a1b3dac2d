"""Going back to an older build after a promotion: only where it can read what was written since.

Code rolls back and data does not: what the newer build wrote is still there.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection

from davylamp.builds.contract import Contract
from davylamp.catalog.model import Service
from davylamp.errors import BadInput, Refused
from davylamp.ledger import evidence, inventory, releases
from davylamp.ledger.schema import append_schema_event
from davylamp.ledger.session import Ledger
from davylamp.rollout.contamination import in_words, probe_databases
from davylamp.rollout.past import PastBuild, past_build, past_builds, replaced_by
from davylamp.rollout.reachability import Block, Obstacle, reachable_builds
from davylamp.rollout.since import since_of
from davylamp.rollout.way_back import Looks, lost_builds
from davylamp.schema.contaminated import Contamination, Since
from davylamp.settings import Settings


@dataclass(frozen=True)
class WayBack:
    """What speaks for and against going back to a build."""

    service: Service
    current: PastBuild
    to: PastBuild
    blocks: tuple[Block, ...]
    contamination: tuple[Contamination, ...]

    @property
    def image(self) -> str:
        return f"{self.to.version}@{self.to.digest}"

    @property
    def problem(self) -> str:
        """Why one must not; empty when one may."""
        parts = [block.why for block in self.blocks]
        dirty = in_words(self.contamination)
        return "; ".join([*parts, *([dirty] if dirty else [])])

    @property
    def can_be_overridden(self) -> bool:
        return all(block.kind.can_be_overridden for block in self.blocks)

    def document(self) -> dict[str, Any]:
        return {
            "service": self.service.name,
            "from": self.current.version,
            "to": self.to.version,
            "digest": self.to.digest,
            "blocks": [{"kind": str(b.kind), "why": b.why} for b in self.blocks],
            "rows": sum(one.rows for one in self.contamination),
            "contamination": [one.document() for one in self.contamination],
        }


def look_back(settings: Settings, ledger: Ledger, service: Service, version: str) -> WayBack:
    """Gather the evidence for going back to a version. Raises `BadInput` for one that isn't
    known, `Refused` while a release is active, `Unreachable` when a database doesn't answer."""
    with ledger.begin() as db:
        _check_quiet(db, service.name)
        current, to = _both(db, service.name, version)
        replacement = replaced_by(db, service.name, to.digest)
        since = since_of(db, replacement) if replacement else dict[str, Since]()
        lost = lost_builds(db)
    looks = Looks(settings, ledger)
    facts = looks.at(service.databases)
    (reach,) = reachable_builds(current.contract, [to], facts, lost, looks.unseen)
    found = probe_databases(
        settings,
        service.databases,
        current.contract or Contract(),
        to.contract or Contract(),
        since,
    )
    return WayBack(service, current, to, reach.blocks, tuple(found))


def go_back(ledger: Ledger, way: WayBack, by: str, override: str | None) -> None:
    """Decide on the evidence, and write the decision down. Raises `Refused` with the evidence
    and the next step; `override` is an operator's reason to go all the same."""
    name = way.service.name
    if not way.problem:
        return
    overridden = override is not None and way.can_be_overridden
    kind = "return_overridden" if overridden else "return_refused"
    message = f"{name} from {way.current.version} to {way.to.version}: {way.problem}"
    said = f"{by} overrides ({override}): {message}" if overridden else message
    with ledger.begin() as db:
        release = inventory.live_service(db, name).stable_release_id
        if release is not None:
            releases.append_event(db, release, kind, said, way.document())
        for one in way.contamination:
            if not one.is_clean:
                append_schema_event(db, one.database, kind, said, by=by, data=way.document())
    if not overridden:
        raise Refused(f"{message}. {_next_step(way)}")


def _check_quiet(db: Connection, service: str) -> None:
    active = releases.active_release(db, service)
    if active is not None:
        raise Refused(
            f"{service} is being released ({active.version or active.image}): `davylamp rollback "
            f"{service}` takes that back at once; then ask again"
        )


def _both(db: Connection, service: str, version: str) -> tuple[PastBuild, PastBuild]:
    live = inventory.live_service(db, service)
    digest = evidence.digest_of_version(db, service, version)
    to = past_build(db, service, digest) if digest else None
    current = past_build(db, service, live.stable_digest) if live.stable_digest else None
    if to is None or current is None:
        past = past_builds(db, service, live.stable_digest or "")
        known = ", ".join(one.version for one in past) or "none"
        raise BadInput(f"{service} never ran a version {version!r}; those it ran before: {known}")
    if to.digest == current.digest:
        raise Refused(f"{service} runs {version} already")
    return current, to


def _next_step(way: WayBack) -> str:
    if any(block.kind is Obstacle.KNOWN_BAD for block in way.blocks):
        return f"`davylamp forgive {way.service.name} {way.to.digest}` lets it be released again"
    if not way.can_be_overridden:
        return "Roll forward: release a build that works with the database as it is"
    return (
        f"Roll forward: release a build that reads all of it, or mend the rows and ask again. "
        f"Who takes the loss on himself says so: `davylamp rollback {way.service.name} --to "
        f"{way.to.version} --override --why REASON`"
    )
