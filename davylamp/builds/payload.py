"""The simple-signing payload: which image a signature speaks of."""

from __future__ import annotations

import json

from pydantic import BaseModel, ConfigDict, Field

PAYLOAD_TYPE = "cosign container image signature"


class _Part(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)


class _Identity(_Part):
    docker_reference: str = Field(alias="docker-reference")


class _Image(_Part):
    digest: str = Field(alias="docker-manifest-digest")


class _Critical(_Part):
    identity: _Identity
    image: _Image
    type: str


class Payload(_Part):
    """What was signed, as far as it counts."""

    critical: _Critical

    def objection(self, repository: str, digest: str) -> str:
        """Why this payload doesn't speak of this image; '' when it does."""
        if self.critical.type != PAYLOAD_TYPE:
            return f"it signs a {self.critical.type!r}, which is no image"
        if self.critical.image.digest != digest:
            return f"it was made for another digest, {self.critical.image.digest}"
        named = _without_host(self.critical.identity.docker_reference)
        if named != repository:
            return f"it was made for another repository, {named}"
        return ""


def make_payload(repository: str, digest: str) -> bytes:
    """The bytes to sign for an image."""
    critical = {
        "identity": {"docker-reference": repository},
        "image": {"docker-manifest-digest": digest},
        "type": PAYLOAD_TYPE,
    }
    return json.dumps({"critical": critical, "optional": None}, separators=(",", ":")).encode()


def _without_host(reference: str) -> str:
    """The repository alone: the same image may lie in registries of several addresses."""
    first, slash, rest = reference.partition("/")
    is_host = slash and ("." in first or ":" in first or first == "localhost")
    return rest if is_host else reference
