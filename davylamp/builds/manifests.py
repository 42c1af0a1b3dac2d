"""Manifests: reading one, and finding the one of an index that runs here."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pydantic import TypeAdapter, ValidationError

from davylamp.builds.checked import read_checked
from davylamp.builds.oci import (
    INDEX_TYPES,
    LARGEST_DOCUMENT,
    Descriptor,
    ImageConfig,
    ImageIndex,
    ImageManifest,
    read_document,
)
from davylamp.builds.protocol import Manifest, Registry
from davylamp.errors import BadInput, Refused

_OBJECT = TypeAdapter(dict[str, Any])
OS, ARCHITECTURE = "linux", "amd64"


def read_manifest(raw: bytes, digest: str, where: str, media_type: str) -> Manifest:
    """A manifest whose digest was already checked. `media_type` is what its carrier says."""
    try:
        document = _OBJECT.validate_json(raw)
    except ValidationError as error:
        raise Refused(f"{where}: the manifest is no JSON object; push the image anew") from error
    return Manifest(digest, str(document.get("mediaType") or media_type), raw, document)


def image_manifest(registry: Registry, repository: str, digest: str) -> ImageManifest:
    """The manifest of the image that runs on linux/amd64; follows an index by one step."""
    found = registry.manifest(repository, digest)
    if _is_index(found):
        found = registry.manifest(repository, _pick(found, f"{repository}@{digest}"))
        if _is_index(found):
            raise Refused(f"{repository}@{digest}: an index within an index; push a plain image")
    return read_document(ImageManifest, found.raw, f"{repository}@{found.digest}")


def image_config(registry: Registry, repository: str, manifest: ImageManifest) -> ImageConfig:
    """The configuration a manifest points at, its digest and size checked."""
    where = f"{repository}, configuration {manifest.config.digest}"
    chunks = promised_blob(registry, repository, manifest.config)
    config = read_document(ImageConfig, read_checked(chunks, LARGEST_DOCUMENT, where), where)
    if len(config.rootfs.diff_ids) != len(manifest.layers):
        raise Refused(
            f"{where}: names {len(config.rootfs.diff_ids)} layers where the manifest has "
            f"{len(manifest.layers)}; build and push the image anew"
        )
    return config


def promised_blob(registry: Registry, repository: str, promise: Descriptor) -> Iterator[bytes]:
    """A blob a manifest points at. `Refused` when it isn't there or isn't what was promised."""
    try:
        yield from registry.blob(repository, promise.digest, promise.size)
    except BadInput as error:
        raise Refused(
            f"{repository}: a manifest names blob {promise.digest}, which the registry doesn't "
            f"have; push the image anew ({error})"
        ) from error


def _is_index(manifest: Manifest) -> bool:
    return manifest.media_type in INDEX_TYPES or "manifests" in manifest.document


def _pick(index: Manifest, where: str) -> str:
    entries = read_document(ImageIndex, index.raw, where).manifests
    for entry in entries:
        platform = entry.platform
        if platform and (platform.os, platform.architecture) == (OS, ARCHITECTURE):
            return entry.digest
    offered = ", ".join(f"{e.platform.os}/{e.platform.architecture}" for e in entries if e.platform)
    raise Refused(
        f"{where}: no image for {OS}/{ARCHITECTURE}, only for {offered or 'no platform at all'}: "
        "build one for it"
    )
