"""Is a build what it says it is, and did somebody we trust make it?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from davylamp.builds.contract import Contract
from davylamp.builds.facts import ImageFacts, inspect
from davylamp.builds.keys import TrustedKey
from davylamp.builds.manifests import promised_blob
from davylamp.builds.oci import ImageManifest
from davylamp.builds.protocol import Registry
from davylamp.builds.signature import Pending, find_signature

__all__ = [
    "ImageFacts",
    "SignaturePending",
    "VerifiedBuild",
    "inspect",
    "verify_blobs",
    "verify_build",
]


@dataclass(frozen=True)
class VerifiedBuild:
    """A build that may be started. `signed_by` is a key's fingerprint, '' if none is required."""

    facts: ImageFacts
    signed_by: str = ""

    @property
    def repository(self) -> str:
        return self.facts.repository

    @property
    def digest(self) -> str:
        return self.facts.digest

    @property
    def image(self) -> str:
        return self.facts.image

    @property
    def version(self) -> str:
        return self.facts.version

    @property
    def contract(self) -> Contract:
        return self.facts.contract


@dataclass(frozen=True)
class SignaturePending:
    """The build is sound but not signed yet. Ask again for `digest`, until a deadline."""

    facts: ImageFacts
    reason: str

    @property
    def digest(self) -> str:
        return self.facts.digest


def verify_build(
    registry: Registry,
    repository: str,
    reference: str,
    keys: Sequence[TrustedKey],
    required: bool = True,
) -> VerifiedBuild | SignaturePending:
    """Check everything that can be checked before a build is started.

    Resolves the reference once. `Refused` with the reason when the build must not run. With
    `required` false signatures aren't looked at.
    """
    facts = inspect(registry, repository, reference)
    signed_by = ""
    if required:
        found = find_signature(registry, facts.repository, facts.digest, keys)
        if isinstance(found, Pending):
            return SignaturePending(facts, found.reason)
        signed_by = found.fingerprint
    verify_blobs(registry, facts.repository, facts.manifest)
    return VerifiedBuild(facts, signed_by)


def verify_blobs(registry: Registry, repository: str, manifest: ImageManifest) -> None:
    """Read every blob to its end; `Refused` if one isn't what the manifest says."""
    for entry in (manifest.config, *manifest.layers):
        for _ in promised_blob(registry, repository, entry):
            pass
