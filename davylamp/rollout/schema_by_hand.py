"""A service's schema change on its own, without a release: for large backfills, and for drops."""

from __future__ import annotations

from davylamp.builds.digest import parse_image
from davylamp.builds.signature import load_trusted_keys
from davylamp.builds.verify import SignaturePending, verify_build
from davylamp.catalog.model import Service
from davylamp.errors import BadInput, Refused
from davylamp.ledger import inventory
from davylamp.rollout.parts import Parts
from davylamp.rollout.remember_history import remember_history
from davylamp.rollout.schema_work import Listener, SchemaWork, work_of


def work_by_hand(
    parts: Parts, service: Service, image: str, by: str, tell: Listener | None = None
) -> SchemaWork:
    """The schema work of an image, verified and remembered; of the stable build when `image` is
    empty. Raises `Refused`, `BadInput`, `Unreachable`."""
    digest, version = _verified(parts, service, image)
    work = work_of(parts, service, digest, by, tell)
    if work is None:
        raise BadInput(
            f"{service.name} {version} brings no history: its image needs a folder "
            "migrations/versions, and its catalog entry one of `databases` (docs/schema.md)"
        )
    remember_history(parts, service, work.name, work.revisions, version)
    return work


def digest_meant(parts: Parts, service: Service, image: str) -> str:
    """The digest an image stands for right now, verified; the stable build's when `image` is
    empty. For jobs of several steps: all of them are about one build. Raises like the above."""
    return _verified(parts, service, image)[0]


def _verified(parts: Parts, service: Service, image: str) -> tuple[str, str]:
    """Digest and version. What is live was verified when it was released."""
    if not image:
        with parts.ledger.begin() as db:
            live = inventory.live_service(db, service.name)
        if not live.stable_digest:
            raise Refused(f"{service.name} was never released: name the image with --image")
        return live.stable_digest, live.stable_version or ""
    reference = parse_image(image, default_repository=service.image.repository)
    if reference.repository != service.image.repository:
        raise BadInput(f"{image} is not an image of {service.name}")
    required = service.signature_required
    keys = load_trusted_keys(parts.settings.keys_folder) if required else ()
    found = verify_build(
        parts.registry(service),
        reference.repository,
        reference.wanted,
        keys=keys,
        required=required,
    )
    if isinstance(found, SignaturePending):
        raise Refused(f"{image} is not signed: its revisions are programs, and are not run")
    return found.digest, found.version
