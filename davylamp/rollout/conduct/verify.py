"""Verify: is this build what it says it is, and what does it bring?"""

from __future__ import annotations

import time
from dataclasses import dataclass

from davylamp.builds.contract import Contract
from davylamp.builds.digest import parse_image
from davylamp.builds.signature import load_trusted_keys
from davylamp.builds.verify import SignaturePending, VerifiedBuild, verify_build
from davylamp.catalog.model import Service
from davylamp.errors import Refused
from davylamp.ledger import evidence, inventory
from davylamp.ledger.inventory import Live
from davylamp.ledger.releases import update_release
from davylamp.rollout.conduct.hold_of_route import RouteHold
from davylamp.rollout.parts import Parts
from davylamp.rollout.remember_history import remember_history
from davylamp.schema.brought import history_of, revisions_brought
from davylamp.schema.embedded import make_embedded


@dataclass(frozen=True)
class Candidate:
    """The build a release is about, after verification."""

    digest: str
    version: str
    image: str
    """`repository@digest`."""
    contract: Contract


def verify_candidate(parts: Parts, hold: RouteHold, service: Service, image: str) -> Candidate:
    """Resolve the image once, check it, and write it down. Raises `Refused` and says why."""
    reference = parse_image(image, default_repository=service.image.repository)
    if reference.repository != service.image.repository:
        raise Refused(
            f"{image} is not an image of {service.name}: "
            f"its catalog entry names {service.image.repository}"
        )
    both = "@".join(part for part in (reference.tag, reference.digest) if part)
    build = _await_signature(parts, hold, service, both)
    candidate = Candidate(
        digest=build.digest,
        version=build.version,
        image=f"{reference.repository}@{build.digest}",
        contract=build.contract,
    )
    _write_down(parts, hold, service, candidate, build)
    return candidate


def _await_signature(
    parts: Parts, hold: RouteHold, service: Service, reference: str
) -> VerifiedBuild:
    """The signature is pushed after the image: wait for it, with a deadline."""
    registry = parts.registry(service)
    keys = load_trusted_keys(parts.settings.keys_folder) if service.signature_required else ()
    deadline = time.monotonic() + parts.settings.signature_seconds
    while True:
        found = verify_build(
            registry,
            service.image.repository,
            reference,
            keys=keys,
            required=service.signature_required,
        )
        if not isinstance(found, SignaturePending):
            return found
        reference = found.digest  # a tag is resolved once
        if time.monotonic() >= deadline:
            raise Refused(
                f"{service.image.repository}@{found.digest} is not signed: no signature within "
                f"{parts.settings.signature_seconds:.0f} s; sign it with `davylamp build push`"
            )
        hold.renew()
        time.sleep(1.0)


def _write_down(
    parts: Parts, hold: RouteHold, service: Service, candidate: Candidate, build: VerifiedBuild
) -> None:
    with parts.ledger.begin() as db:
        live = inventory.live_service(db, service.name)
        bad = evidence.known_bad(db, service.name, candidate.digest)
        earlier = evidence.digest_of_version(db, service.name, candidate.version)
        problem = _why_not(live, candidate, bad, earlier)
        if not problem:
            evidence.record_build(
                db,
                service=service.name,
                digest=candidate.digest,
                repository=service.image.repository,
                version=candidate.version,
                contract=candidate.contract.model_dump(mode="json"),
                signed_by=build.signed_by,
            )
        update_release(
            db,
            hold.release_id,
            "verified" if not problem else "found",
            f"{candidate.version} is {candidate.digest}",
            digest=candidate.digest,
            version=candidate.version,
        )
    if problem:
        raise Refused(problem)


def _why_not(live: Live, candidate: Candidate, bad: str | None, earlier: str | None) -> str:
    if live.frozen_reason:
        return f"{live.name} is frozen: {live.frozen_reason}"
    if live.stable_digest == candidate.digest:
        return f"{candidate.version} ({candidate.digest[:19]}) is what {live.name} runs already"
    if bad:
        return f"{candidate.version} ({candidate.digest[:19]}) was taken back before: {bad}"
    if earlier and earlier != candidate.digest:
        return (
            f"version {candidate.version} of {live.name} was {earlier[:19]} before and is "
            f"{candidate.digest[:19]} now: a version is never used twice; push it under a new one"
        )
    return ""


def remember_revisions(parts: Parts, hold: RouteHold, service: Service, build: Candidate) -> None:
    """Write down which revisions the candidate brings, for the guards of this release and the
    gate of later ones. Raises `Refused` for a history that was edited, or that forks."""
    for name, entry in service.databases.items():
        make_embedded(parts.settings, name, entry)
    name = history_of(service.databases)
    if not name:
        return
    entry = service.databases[name]
    hold.renew()
    revisions = revisions_brought(
        parts.registry(service), service.image.repository, build.digest, entry
    )
    remember_history(parts, service, name, revisions, build.version)
    hold.renew()
