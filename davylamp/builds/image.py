"""Making an image from a folder, and pushing it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from davylamp.builds.buildfile import BUILD_FILE, included_folders, read_build_file
from davylamp.builds.contract import CONTRACT_LABEL, Contract
from davylamp.builds.digest import check_tag, digest_of
from davylamp.builds.layer import Layer, make_layer
from davylamp.builds.oci import (
    CREATED_LABEL,
    OCI_CONFIG,
    OCI_LAYER_GZIP,
    OCI_MANIFEST,
    VERSION_LABEL,
)
from davylamp.builds.protocol import Registry
from davylamp.builds.signature import sign
from davylamp.builds.upload import present_digest, push_bytes
from davylamp.errors import BadInput, Refused

_EPOCH = "1970-01-01T00:00:00Z"


@dataclass(frozen=True)
class BuiltImage:
    """An image in memory: one layer, its configuration, its manifest."""

    version: str
    layer: Layer
    config: bytes
    manifest: bytes

    @property
    def digest(self) -> str:
        return digest_of(self.manifest)


@dataclass(frozen=True)
class PushedImage:
    """Where an image is now. `signed_by` is the key's fingerprint, '' when it wasn't signed."""

    repository: str
    version: str
    digest: str
    signed_by: str = ""

    @property
    def image(self) -> str:
        return f"{self.repository}@{self.digest}"


def build_image(
    folder: Path,
    *,
    version: str,
    environment: Mapping[str, str] | None = None,
    contract: Contract | None = None,
    entrypoint: Sequence[str] | None = None,
    workdir: str = "/app",
    created: str = _EPOCH,
) -> BuiltImage:
    """Make a reproducible one-layer image: equal files and arguments give an equal digest.

    With both `entrypoint` and `contract` given, the folder needs no `davylamp.yaml`;
    otherwise what isn't given comes from that file. `environment` is added to the file's.
    `created` is RFC 3339 text.
    """
    check_tag(version)
    if not folder.is_dir():
        raise BadInput(f"{folder} is no folder: give the one with {BUILD_FILE} in it")
    variables = dict(environment or {})
    include: tuple[Path, ...] = ()
    if entrypoint is None or contract is None:
        file = read_build_file(folder)
        entrypoint = entrypoint if entrypoint is not None else file.entrypoint
        contract = contract if contract is not None else file.contract
        workdir = file.workdir
        variables = {**file.environment, **variables}
        include = included_folders(folder, file.include)
    layer = make_layer(folder, "/app", without=frozenset({BUILD_FILE}), include=include)
    run = {
        "Entrypoint": list(entrypoint),
        "Env": [f"{name}={value}" for name, value in sorted(variables.items())],
        "WorkingDir": workdir,
        "Labels": {
            CONTRACT_LABEL: contract.model_dump_json(exclude_defaults=True),
            VERSION_LABEL: version,
            CREATED_LABEL: created,
        },
    }
    return assemble(version, layer, run, created)


def assemble(version: str, layer: Layer, run: Mapping[str, object], created: str) -> BuiltImage:
    """Put a layer and a run configuration (`Entrypoint`, `Env`, `Labels`, …) together."""
    config = _json(
        {
            "created": created,
            "architecture": "amd64",
            "os": "linux",
            "config": run,
            "rootfs": {"type": "layers", "diff_ids": [layer.diff_id]},
        }
    )
    manifest = _json(
        {
            "schemaVersion": 2,
            "mediaType": OCI_MANIFEST,
            "config": _descriptor(OCI_CONFIG, config),
            "layers": [_descriptor(OCI_LAYER_GZIP, layer.gzipped)],
        }
    )
    return BuiltImage(version, layer, config, manifest)


def push_image(
    registry: Registry,
    repository: str,
    built: BuiltImage,
    key: Path | None,
    *,
    move_tag: bool = False,
) -> PushedImage:
    """Push blobs, then the manifest under its version, then the signature (not without a key).

    A version that stands for another digest already is `Refused` unless `move_tag`.
    """
    present = "" if move_tag else present_digest(registry, repository, built.version)
    if present not in ("", built.digest):
        raise Refused(
            f"{repository}:{built.version} is {present} already, and this build is "
            f"{built.digest}: a version never changes, give this build a new one"
        )
    push_bytes(registry, repository, built.layer.gzipped)
    push_bytes(registry, repository, built.config)
    digest = registry.push_manifest(repository, built.version, built.manifest, OCI_MANIFEST)
    signed_by = sign(registry, repository, digest, key) if key else ""
    return PushedImage(repository, built.version, digest, signed_by)


def _descriptor(media_type: str, raw: bytes) -> dict[str, object]:
    return {"mediaType": media_type, "digest": digest_of(raw), "size": len(raw)}


def _json(document: object) -> bytes:
    return json.dumps(document, sort_keys=True, separators=(",", ":")).encode()
