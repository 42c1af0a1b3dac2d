"""Guard: may the candidate meet what is alive, and the databases as they are?"""

from __future__ import annotations

from collections.abc import Mapping

from davylamp.builds.contract import Contract
from davylamp.catalog.model import Service
from davylamp.errors import Refused
from davylamp.ledger import contracts, evidence
from davylamp.ledger.instance import InstanceState
from davylamp.rollout.coexistence import Coexistence, Conflict, LiveBuild, check_coexistence
from davylamp.rollout.conduct.session import Session
from davylamp.rollout.conduct.verify import Candidate
from davylamp.rollout.databases import look_at
from davylamp.rollout.parts import Parts
from davylamp.rollout.past import contract_from
from davylamp.schema.facts import SchemaFacts


def guard_candidate(
    parts: Parts,
    service: Service,
    candidate: Candidate,
    databases: Mapping[str, SchemaFacts] | None = None,
    *,
    before_expand: bool = False,
) -> Coexistence:
    """Hold the candidate's contract against every build that is observed alive, and against the
    databases when they were looked at."""
    found = check_coexistence(
        candidate.contract,
        candidate.version,
        _alive(parts, service, candidate),
        databases,
        before_expand=before_expand,
    )
    lost = _lost(parts, candidate)
    return Coexistence((*found.conflicts, *lost), found.checked)


def guard_now(session: Session) -> Coexistence:
    """Against the builds alive at this moment. The databases can't have lost anything since the
    start: no drop begins while a release that needs it is under way."""
    return _as_wished(session, guard_candidate(session.parts, session.service, session.candidate()))


def guard_with_databases(session: Session, *, before_expand: bool) -> Coexistence:
    """Against builds and databases. Raises `Unreachable` when one of those doesn't answer."""
    parts, service = session.parts, session.service
    facts = look_at(parts.settings, parts.ledger, service.databases)
    found = guard_candidate(parts, service, session.candidate(), facts, before_expand=before_expand)
    return _as_wished(session, found)


def look_who_is_there(session: Session) -> None:
    """The guard again, before more users meet the candidate: a build that wasn't there when the
    release began may be alive now. Raises `Refused`."""
    refuse(guard_now(session))


def refuse(guard: Coexistence) -> None:
    """Raise `Refused` when there is a conflict."""
    if guard.conflicts:
        raise Refused("; ".join(map(str, guard.conflicts)))


def _as_wished(session: Session, found: Coexistence) -> Coexistence:
    return found.overriding() if session.release().override_reason else found


def _alive(parts: Parts, service: Service, candidate: Candidate) -> list[LiveBuild]:
    """The service's own builds, and those of others that use a database of the candidate's."""
    alive: dict[tuple[str, str], list[str]] = {}
    for copy in parts.platform.instances():
        if copy.state is not InstanceState.STOPPED and copy.digest != candidate.digest:
            alive.setdefault((copy.service, copy.digest), []).append(copy.id)
    found: list[LiveBuild] = []
    with parts.ledger.begin() as db:
        for (owner, digest), ids in sorted(alive.items()):
            contract = _contract(evidence.contract_of(db, owner, digest))
            if owner == service.name:
                found.append(LiveBuild(digest[:19], tuple(ids), contract))
            elif contract and contract.databases.keys() & candidate.contract.databases.keys():
                found.append(LiveBuild(f"{owner} {digest[:19]}", tuple(ids), contract))
    return found


def _lost(parts: Parts, candidate: Candidate) -> list[Conflict]:
    """The points of no return the candidate is behind."""
    with parts.ledger.begin() as db:
        points = contracts.points_of_no_return(db)
    return [
        Conflict(
            candidate.version,
            f"the database {point.database}",
            f"revision {point.revision} took what it needs ({point.at:%Y-%m-%d %H:%M}), for good",
        )
        for point in points
        if any(build["digest"] == candidate.digest for build in point.builds)
    ]


def _contract(document: Mapping[str, object] | None) -> Contract | None:
    return None if document is None else contract_from(document)
