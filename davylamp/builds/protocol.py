"""Registry: where images come from. One implementation a file (`http_registry.py`, `layout.py`)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol


@dataclass(frozen=True)
class Manifest:
    """An image manifest, its bytes checked against `digest`."""

    digest: str
    media_type: str
    raw: bytes
    document: dict[str, Any]


class Registry(Protocol):
    """An OCI distribution registry, or a folder that stands in for one.

    All calls have deadlines. `Unreachable` when it does not answer, `Refused` when what it
    says is not true (a blob or manifest that does not match its digest), `BadInput` when
    the name does not exist.
    """

    def tags(self, repository: str) -> list[str]:
        """All tags of a repository, sorted; `[]` when the repository does not exist."""
        ...

    def resolve(self, repository: str, reference: str) -> str:
        """The digest a tag (or digest) stands for right now."""
        ...

    def manifest(self, repository: str, reference: str) -> Manifest: ...

    def blob(self, repository: str, digest: str, size: int | None = None) -> Iterator[bytes]:
        """A blob's bytes in chunks; raises `Refused` at the end if the digest or size differs."""
        ...

    def push_blob(self, repository: str, file: Path, digest: str) -> None: ...

    def push_manifest(self, repository: str, tag: str, raw: bytes, media_type: str) -> str:
        """Returns the manifest's digest."""
        ...
