"""What an image says of itself, read by digest."""

from __future__ import annotations

from dataclasses import dataclass, field

from davylamp.builds.contract import CONTRACT_LABEL, Contract
from davylamp.builds.digest import ImageReference, parse_image
from davylamp.builds.manifests import image_config, image_manifest
from davylamp.builds.oci import VERSION_LABEL, ImageManifest, read_document
from davylamp.builds.protocol import Registry
from davylamp.builds.versions import is_version, same_version
from davylamp.errors import Refused


@dataclass(frozen=True)
class ImageFacts:
    """An image's digest, and what its (checked) manifest and configuration say."""

    repository: str
    digest: str
    """What the tag stood for when it was asked, once."""
    version: str
    entrypoint: tuple[str, ...]
    """The whole command: entrypoint and default arguments."""
    environment: dict[str, str]
    workdir: str
    contract: Contract
    manifest: ImageManifest
    labels: dict[str, str] = field(default_factory=dict[str, str])
    created: str = ""

    @property
    def image(self) -> str:
        return f"{self.repository}@{self.digest}"


def inspect(registry: Registry, repository: str, reference: str) -> ImageFacts:
    """Read an image. `reference` is a tag, a digest, or `tag@digest`.

    `BadInput` when it doesn't exist; `Refused` when anything about it is broken or missing.
    """
    wanted = parse_image(reference, default_repository=repository)
    digest = _resolve(registry, wanted)
    where = f"{wanted.repository}@{digest}"
    manifest = image_manifest(registry, wanted.repository, digest)
    config = image_config(registry, wanted.repository, manifest)
    labels = config.config.labels or {}
    if not config.config.command:
        raise Refused(f"{where} has no entrypoint: name one in davylamp.yaml and build it anew")
    return ImageFacts(
        repository=wanted.repository,
        digest=digest,
        version=_version(wanted.tag, labels.get(VERSION_LABEL, ""), where),
        entrypoint=config.config.command,
        environment=config.config.environment,
        workdir=config.config.working_dir or "/",
        contract=_contract(labels, where),
        manifest=manifest,
        labels=labels,
        created=config.created,
    )


def _resolve(registry: Registry, wanted: ImageReference) -> str:
    """The one moment at which a tag counts."""
    if not wanted.tag:
        return wanted.digest
    found = registry.resolve(wanted.repository, wanted.tag)
    if wanted.digest and found != wanted.digest:
        raise Refused(
            f"{wanted.repository}:{wanted.tag} was {wanted.digest} and is {found} now: the tag was "
            "moved. Find out by whom; release the digest itself, or a new version"
        )
    return found


def _version(tag: str, label: str, where: str) -> str:
    if is_version(tag) and is_version(label) and not same_version(tag, label):
        raise Refused(
            f"{where} is tagged {tag} and calls itself {label}: the tag was moved or is wrong. "
            "Push the build under its own version"
        )
    if is_version(tag):
        return tag
    return label or tag or where.partition("@")[2][: len("sha256:") + 12]


def _contract(labels: dict[str, str], where: str) -> Contract:
    found = labels.get(CONTRACT_LABEL)
    if found is None:
        raise Refused(
            f"{where} carries no contract (label {CONTRACT_LABEL}): add `contract:` to its "
            "davylamp.yaml (`{}` if it promises nothing) and build it with `davylamp build push`"
        )
    return read_document(Contract, found.encode(), f"{where}: contract in label {CONTRACT_LABEL}")
