"""Signatures, kept in cosign's layout: a manifest tagged `sha256-<hex>.sig` beside the image."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from davylamp.builds.checked import read_checked
from davylamp.builds.digest import digest_of, hex_of
from davylamp.builds.keys import (
    TrustedKey,
    generate_keys,
    load_signing_key,
    load_trusted_keys,
    names_of,
)
from davylamp.builds.manifests import promised_blob
from davylamp.builds.oci import OCI_CONFIG, OCI_MANIFEST, Descriptor, ImageManifest, read_document
from davylamp.builds.payload import Payload, make_payload
from davylamp.builds.protocol import Registry
from davylamp.builds.upload import present_digest, push_bytes
from davylamp.errors import Refused

__all__ = [
    "Pending",
    "SignedBy",
    "TrustedKey",
    "find_signature",
    "generate_keys",
    "load_trusted_keys",
    "sign",
    "signature_tag",
]

SIGNATURE = "dev.cosignproject.cosign/signature"
PAYLOAD_MEDIA_TYPE = "application/vnd.dev.cosign.simplesigning.v1+json"
_LARGEST_PAYLOAD = 64 * 1024
_MOST_SIGNATURES = 100


@dataclass(frozen=True)
class SignedBy:
    """Who signed: the trusted key's fingerprint and the name of its file."""

    fingerprint: str
    key_name: str


@dataclass(frozen=True)
class Pending:
    """There is no signature yet; it is pushed after the image, so this may change."""

    reason: str


def signature_tag(digest: str) -> str:
    return f"sha256-{hex_of(digest)}.sig"


def sign(registry: Registry, repository: str, digest: str, key: Path) -> str:
    """Sign an image that was pushed; returns the fingerprint of the key.

    Signatures of other keys are kept; what this key signed before isn't signed again.
    """
    signing = load_signing_key(key)
    earlier = _signatures(registry, repository, digest)
    for one in earlier:
        if isinstance(_check(registry, repository, digest, one, (signing.public,)), SignedBy):
            return signing.public.fingerprint
    payload = make_payload(repository, digest)
    made = base64.b64encode(signing.sign(payload)).decode()
    layer: dict[str, Any] = {
        "mediaType": PAYLOAD_MEDIA_TYPE,
        "digest": digest_of(payload),
        "size": len(payload),
        "annotations": {SIGNATURE: made},
    }
    kept = [one.model_dump(by_alias=True, exclude_none=True) for one in earlier]
    _push(registry, repository, signature_tag(digest), [*kept, layer], payload)
    return signing.public.fingerprint


def find_signature(
    registry: Registry, repository: str, digest: str, keys: Sequence[TrustedKey]
) -> SignedBy | Pending:
    """Who of the trusted signed this digest. `Refused` when there are only bad signatures."""
    if not keys:
        raise Refused(
            f"{repository}@{digest}: no key is trusted, so no signature can be: put the public "
            "key (`davylamp build keygen` makes one) into the folder of DAVYLAMP_TRUSTED_KEYS"
        )
    found = _signatures(registry, repository, digest)
    if not found:
        return Pending(f"{repository}@{digest} has no signature yet under {signature_tag(digest)}")
    objections: list[str] = []
    for one in found:
        answer = _check(registry, repository, digest, one, keys)
        if isinstance(answer, SignedBy):
            return answer
        objections.append(answer)
    raise Refused(
        f"{repository}@{digest} is wrongly signed: {'; '.join(dict.fromkeys(objections))}. "
        "Sign the build with a trusted key, or find out who pushed it"
    )


def _check(
    registry: Registry,
    repository: str,
    digest: str,
    layer: Descriptor,
    keys: Sequence[TrustedKey],
) -> SignedBy | str:
    """Who made this signature, or what speaks against it."""
    chunks = promised_blob(registry, repository, layer)
    payload = read_checked(chunks, _LARGEST_PAYLOAD, f"{repository} {signature_tag(digest)}")
    try:
        made = base64.b64decode((layer.annotations or {}).get(SIGNATURE, ""), validate=True)
    except binascii.Error:
        return "its signature is no base64"
    signer = next((key for key in keys if key.made(made, payload)), None)
    if signer is None:
        return f"no trusted key made its signature; trusted: {names_of(keys)}"
    spoken = read_document(Payload, payload, f"{repository} {signature_tag(digest)}")
    objection = spoken.objection(repository, digest)
    return objection or SignedBy(signer.fingerprint, signer.name)


def _signatures(registry: Registry, repository: str, digest: str) -> list[Descriptor]:
    tag = signature_tag(digest)
    present = present_digest(registry, repository, tag)
    if not present:
        return []
    raw = registry.manifest(repository, present).raw
    layers = read_document(ImageManifest, raw, f"{repository}:{tag}").layers
    return [one for one in layers if one.media_type == PAYLOAD_MEDIA_TYPE][:_MOST_SIGNATURES]


def _push(
    registry: Registry, repository: str, tag: str, layers: list[dict[str, Any]], payload: bytes
) -> None:
    diff_ids = [layer["digest"] for layer in layers]
    config = json.dumps(
        {"architecture": "", "os": "", "rootfs": {"type": "layers", "diff_ids": diff_ids}}
    ).encode()
    push_bytes(registry, repository, payload)
    push_bytes(registry, repository, config)
    manifest = {
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "config": {"mediaType": OCI_CONFIG, "digest": digest_of(config), "size": len(config)},
        "layers": layers,
    }
    registry.push_manifest(repository, tag, json.dumps(manifest).encode(), OCI_MANIFEST)
