"""The documents of an OCI image, as far as they are read here: text in, checked values out."""

from __future__ import annotations

from typing import Annotated, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from davylamp.errors import Refused

OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
OCI_INDEX = "application/vnd.oci.image.index.v1+json"
OCI_CONFIG = "application/vnd.oci.image.config.v1+json"
OCI_LAYER_GZIP = "application/vnd.oci.image.layer.v1.tar+gzip"
DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
DOCKER_INDEX = "application/vnd.docker.distribution.manifest.list.v2+json"

MANIFEST_TYPES = (OCI_MANIFEST, DOCKER_MANIFEST)
INDEX_TYPES = (OCI_INDEX, DOCKER_INDEX)

REF_NAME = "org.opencontainers.image.ref.name"
VERSION_LABEL = "org.opencontainers.image.version"
CREATED_LABEL = "org.opencontainers.image.created"

LARGEST_DOCUMENT = 8 * 1024 * 1024
"""Bytes of the largest manifest, index or configuration that is read into memory."""

Digest = Annotated[str, Field(pattern=r"^sha256:[0-9a-f]{64}$")]
Strings = dict[str, str]


class _Document(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True, populate_by_name=True)


class PlatformName(_Document):
    os: str = ""
    architecture: str = ""


class Descriptor(_Document):
    """What points at a blob or manifest: its type, digest and size in bytes."""

    media_type: str = Field("", alias="mediaType")
    digest: Digest
    size: int = Field(ge=0)
    annotations: Strings | None = None
    platform: PlatformName | None = None


class ImageManifest(_Document):
    media_type: str = Field("", alias="mediaType")
    config: Descriptor
    layers: tuple[Descriptor, ...]


class ImageIndex(_Document):
    media_type: str = Field("", alias="mediaType")
    manifests: tuple[Descriptor, ...] = ()


class RunConfig(_Document):
    """How an image wants to be run."""

    entrypoint: tuple[str, ...] | None = Field(None, alias="Entrypoint")
    cmd: tuple[str, ...] | None = Field(None, alias="Cmd")
    env: tuple[str, ...] | None = Field(None, alias="Env")
    working_dir: str | None = Field(None, alias="WorkingDir")
    labels: Strings | None = Field(None, alias="Labels")

    @property
    def command(self) -> tuple[str, ...]:
        return (self.entrypoint or ()) + (self.cmd or ())

    @property
    def environment(self) -> Strings:
        return {k: v for k, _, v in (one.partition("=") for one in self.env or ())}


class RootFilesystem(_Document):
    diff_ids: tuple[Digest, ...] = ()


class ImageConfig(_Document):
    created: str = ""
    config: RunConfig = RunConfig.model_construct()
    rootfs: RootFilesystem = RootFilesystem()


Read = TypeVar("Read", bound=BaseModel)


def read_document(
    model: type[Read], raw: bytes, where: str, todo: str = "build and push the image anew"
) -> Read:
    """Read a document, or say which of its fields is wrong. `where` names the document."""
    try:
        return model.model_validate_json(raw)
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"]) or "the document"
        raise Refused(f"{where}: {field}: {first['msg']}; {todo}") from error
