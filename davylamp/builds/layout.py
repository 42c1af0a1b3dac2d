"""A folder that stands in for a registry: one OCI image layout a repository."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from davylamp.builds.checked import checked_chunks, read_checked
from davylamp.builds.digest import check_repository, check_tag, digest_of, hex_of, is_digest
from davylamp.builds.lock import locked
from davylamp.builds.manifests import read_manifest
from davylamp.builds.oci import LARGEST_DOCUMENT, REF_NAME, Descriptor, ImageIndex, read_document
from davylamp.builds.protocol import Manifest
from davylamp.errors import BadInput, Refused, Unreachable

_CHUNK = 1024 * 1024
_TODO = "restore the file, or remove the folder and push its images anew"


class LayoutRegistry:
    """Implements `Registry` on `<folder>/<repository>/{oci-layout,index.json,blobs/sha256/…}`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def close(self) -> None:
        """Nothing is held open."""

    def tags(self, repository: str) -> list[str]:
        return sorted(tag for one in self._index(repository) if (tag := _tag_of(one)))

    def stamp(self, repository: str) -> str:
        """Changes whenever the tags may have; '' when there are none."""
        try:
            found = (self._folder(repository) / "index.json").stat()
        except FileNotFoundError:
            return ""
        except OSError as error:
            raise _unreadable(error, repository) from error
        return f"{found.st_ino}-{found.st_mtime_ns}-{found.st_size}"

    def resolve(self, repository: str, reference: str) -> str:
        return reference if is_digest(reference) else self._tagged(repository, reference).digest

    def manifest(self, repository: str, reference: str) -> Manifest:
        entry = None if is_digest(reference) else self._tagged(repository, reference)
        digest = entry.digest if entry else reference
        size = entry.size if entry else None
        where = f"{repository}@{digest}"
        raw = read_checked(self.blob(repository, digest, size), LARGEST_DOCUMENT, where)
        return read_manifest(raw, digest, where, entry.media_type if entry else "")

    def blob(self, repository: str, digest: str, size: int | None = None) -> Iterator[bytes]:
        file = self._blob_file(repository, digest)
        yield from checked_chunks(_chunks_of(file), digest, size, f"{self.folder} {repository}")

    def push_blob(self, repository: str, file: Path, digest: str) -> None:
        target = self._blob_file(repository, digest)
        if target.exists() and target.stat().st_size == file.stat().st_size:
            return
        _replace(target, checked_chunks(_chunks_of(file), digest, None, str(file)))

    def push_manifest(self, repository: str, tag: str, raw: bytes, media_type: str) -> str:
        digest = digest_of(raw)
        if is_digest(tag) and tag != digest:
            raise BadInput(f"{repository}: the manifest's digest is {digest}, not {tag}")
        target = self._blob_file(repository, digest)
        _replace(target, iter((raw,)))
        if not is_digest(tag):
            self._point(repository, check_tag(tag), digest, len(raw), media_type)
        return digest

    def _point(self, repository: str, tag: str, digest: str, size: int, media_type: str) -> None:
        folder = self._folder(repository)
        # Two pushers must not overwrite each other's tags.
        with locked(folder / ".lock"):
            others = [one for one in self._index(repository) if _tag_of(one) != tag]
            entries = [one.model_dump(by_alias=True, exclude_none=True) for one in others]
            pointer = {"mediaType": media_type, "digest": digest, "size": size}
            entries.append({**pointer, "annotations": {REF_NAME: tag}})
            index = {"schemaVersion": 2, "manifests": entries}
            _replace(folder / "oci-layout", iter((b'{"imageLayoutVersion": "1.0.0"}\n',)))
            _replace(folder / "index.json", iter((json.dumps(index, indent=1).encode(),)))

    def _tagged(self, repository: str, tag: str) -> Descriptor:
        for one in self._index(repository):
            if _tag_of(one) == check_tag(tag):
                return one
        known = ", ".join(self.tags(repository)[-5:]) or "none at all"
        raise BadInput(f"{self.folder}: {repository} has no tag {tag!r}; it has: {known}")

    def _index(self, repository: str) -> tuple[Descriptor, ...]:
        file = self._folder(repository) / "index.json"
        try:
            raw = file.read_bytes()
        except FileNotFoundError:
            return ()
        except OSError as error:
            raise _unreadable(error, repository) from error
        return read_document(ImageIndex, raw, str(file), _TODO).manifests

    def _folder(self, repository: str) -> Path:
        return self.folder / check_repository(repository)

    def _blob_file(self, repository: str, digest: str) -> Path:
        return self._folder(repository) / "blobs" / "sha256" / hex_of(digest)


def _unreadable(error: OSError, what: str) -> Unreachable:
    return Unreachable(f"{what}: {error}: check the disk and the rights on it")


def _tag_of(entry: Descriptor) -> str:
    return (entry.annotations or {}).get(REF_NAME, "")


def _chunks_of(file: Path) -> Iterator[bytes]:
    try:
        with file.open("rb") as opened:
            while chunk := opened.read(_CHUNK):
                yield chunk
    except FileNotFoundError as error:
        raise BadInput(f"{file} does not exist: push the image anew") from error
    except OSError as error:
        raise _unreadable(error, str(file)) from error


def _replace(target: Path, chunks: Iterator[bytes]) -> None:
    """Write beside the target and rename: a reader sees the old file or the whole new one."""
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=target.parent, prefix=".new-", delete=False) as opened:
            temporary = Path(opened.name)
            try:
                _write(opened, chunks)
                temporary.replace(target)
            finally:
                temporary.unlink(missing_ok=True)
    except OSError as error:
        raise Refused(
            f"{target}: cannot be written ({error.strerror}): check the disk and its rights"
        ) from error


def _write(opened: IO[bytes], chunks: Iterator[bytes]) -> None:
    for chunk in chunks:
        opened.write(chunk)
    opened.flush()
    os.fchmod(opened.fileno(), 0o644)
    os.fsync(opened.fileno())
