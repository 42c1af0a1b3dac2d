"""Pushing from memory, and asking what is there already."""

from __future__ import annotations

import tempfile
from pathlib import Path

from davylamp.builds.digest import digest_of
from davylamp.builds.protocol import Registry
from davylamp.errors import BadInput


def push_bytes(registry: Registry, repository: str, raw: bytes) -> str:
    """Push a blob from memory; returns its digest."""
    digest = digest_of(raw)
    with tempfile.NamedTemporaryFile(prefix="davylamp-blob-") as file:
        file.write(raw)
        file.flush()
        registry.push_blob(repository, Path(file.name), digest)
    return digest


def present_digest(registry: Registry, repository: str, tag: str) -> str:
    """What a tag stands for right now, '' when there is no such tag."""
    try:
        return registry.resolve(repository, tag)
    except BadInput:
        # By the protocol: the name does not exist.
        return ""
