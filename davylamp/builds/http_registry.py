"""A registry over HTTP, by the OCI distribution specification."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator
from http import HTTPStatus
from pathlib import Path

import httpx

from davylamp.builds.checked import checked_chunks
from davylamp.builds.digest import check_digest, check_repository, check_tag, digest_of, is_digest
from davylamp.builds.http_auth import Credentials
from davylamp.builds.http_exchange import Answer, Deadlines, Exchange
from davylamp.builds.manifests import read_manifest
from davylamp.builds.oci import INDEX_TYPES, MANIFEST_TYPES
from davylamp.builds.protocol import Manifest
from davylamp.builds.tag_page import MOST_PAGES, read_tag_page, within
from davylamp.errors import BadInput, Refused, Unreachable

_ACCEPT = {"Accept": ", ".join(MANIFEST_TYPES + INDEX_TYPES)}
_CHUNK = 1024 * 1024


class HttpRegistry:
    """Implements `Registry`. Credentials come from the environment unless given."""

    def __init__(
        self,
        url: str,
        *,
        credentials: Credentials | None = None,
        deadlines: Deadlines | None = None,
    ) -> None:
        self._exchange = Exchange(
            url, credentials or Credentials.from_environment(), deadlines or Deadlines()
        )
        self._known_tags: dict[str, tuple[str, list[str]]] = {}
        """Repository → ETag and tags of the last answer."""

    @property
    def url(self) -> str:
        return self._exchange.url

    def close(self) -> None:
        self._exchange.close()

    def check(self) -> None:
        """Raise unless there is a registry and it talks to us."""
        answer = self._exchange.ask("GET", "/v2/")
        if answer.status != HTTPStatus.OK:
            raise Unreachable(f"{self.url} is no registry: /v2/ answers {answer.status}")

    def tags(self, repository: str) -> list[str]:
        path = f"/v2/{check_repository(repository)}/tags/list"
        etag, known = self._known_tags.get(repository, ("", []))
        first = self._exchange.ask("GET", path, {"If-None-Match": etag} if etag else None)
        if first.status == HTTPStatus.NOT_MODIFIED:
            return list(known)
        if first.status == HTTPStatus.NOT_FOUND:
            return []
        found, more = self._page(first, path)
        fresh = "" if more else str(first.headers.get("etag", ""))
        for _ in range(MOST_PAGES):
            if not more:
                break
            path = within(self.url, path, more).removeprefix(self.url)
            page, more = self._page(self._exchange.ask("GET", path), path)
            found += page
        tags = sorted(set(found))
        self._known_tags[repository] = (fresh, tags)
        return list(tags)

    def resolve(self, repository: str, reference: str) -> str:
        if is_digest(reference):
            return reference
        path = _manifest_path(repository, reference)
        answer = self._expect(self._exchange.ask("HEAD", path, _ACCEPT), path)
        found = str(answer.headers.get("docker-content-digest", ""))
        if found and not is_digest(found):
            raise Refused(f"registry {self.url}: {path} has the digest {found!r}, which is none")
        return found or self.manifest(repository, reference).digest

    def manifest(self, repository: str, reference: str) -> Manifest:
        path = _manifest_path(repository, reference)
        answer = self._expect(self._exchange.ask("GET", path, _ACCEPT), path)
        digest = digest_of(answer.body)
        claimed = reference if is_digest(reference) else answer.headers.get("docker-content-digest")
        if claimed and claimed != digest:
            raise Refused(
                f"registry {self.url} gives a manifest with digest {digest} where {claimed} was "
                f"asked for ({repository}): do not trust this registry until its storage is checked"
            )
        return read_manifest(answer.body, digest, f"{repository}@{digest}", _type_of(answer))

    def blob(self, repository: str, digest: str, size: int | None = None) -> Iterator[bytes]:
        path = _blob_path(repository, digest)
        ends = time.monotonic() + self._exchange.deadlines.blob
        with self._exchange.stream("GET", path, {"Accept-Encoding": "identity"}) as response:
            if response.status_code != HTTPStatus.OK:
                raise self._failed(response.status_code, path, "")
            chunks = _until(ends, response.iter_raw(), f"{self.url}{path}")
            yield from checked_chunks(chunks, digest, size, f"{self.url} {repository}")

    def push_blob(self, repository: str, file: Path, digest: str) -> None:
        path = _blob_path(repository, digest)
        if self._exchange.ask("HEAD", path).status == HTTPStatus.OK:
            return
        check_file(file, digest)
        start = f"/v2/{repository}/blobs/uploads/"
        begun = self._expect(self._exchange.ask("POST", start), start)
        place = within(self.url, start, str(begun.headers.get("location", "")))
        put = str(httpx.URL(place).copy_merge_params({"digest": digest}))
        headers = {
            "Content-Type": "application/octet-stream",
            "Content-Length": str(file.stat().st_size),
        }
        self._expect(self._exchange.ask("PUT", put, headers, lambda: _chunks_of(file)), put)

    def push_manifest(self, repository: str, tag: str, raw: bytes, media_type: str) -> str:
        digest = digest_of(raw)
        if is_digest(tag) and tag != digest:
            raise BadInput(f"{repository}: the manifest's digest is {digest}, not {tag}")
        path = _manifest_path(repository, tag)
        headers = {"Content-Type": media_type, "Content-Length": str(len(raw))}
        self._expect(self._exchange.ask("PUT", path, headers, lambda: iter((raw,))), path)
        return digest

    def _page(self, answer: Answer, path: str) -> tuple[list[str], str]:
        self._expect(answer, path)
        return read_tag_page(answer.body, str(answer.headers.get("link", "")), self.url + path)

    def _expect(self, answer: Answer, path: str) -> Answer:
        if answer.status in (200, 201, 202, 204):
            return answer
        raise self._failed(answer.status, path, answer.body[:300].decode(errors="replace").strip())

    def _failed(self, status: int, path: str, said: str) -> BadInput | Refused | Unreachable:
        where = f"registry {self.url}: {path.removeprefix(self.url)}"
        if status == HTTPStatus.NOT_FOUND:
            return BadInput(f"{where} does not exist: see `davylamp build tags` for what does")
        if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            return Unreachable(f"{where} answers {status} {said}: see the registry's log")
        return Refused(f"{where} answers {status} {said}")


def check_file(file: Path, digest: str) -> None:
    """Raise `BadInput` unless the file's bytes have this digest."""
    with file.open("rb") as opened:
        found = f"sha256:{hashlib.file_digest(opened, 'sha256').hexdigest()}"
    if found != digest:
        raise BadInput(f"{file}: its digest is {found}, not {digest}; nothing was pushed")


def _type_of(answer: Answer) -> str:
    return str(answer.headers.get("content-type", "")).split(";")[0].strip()


def _manifest_path(repository: str, reference: str) -> str:
    checked = reference if is_digest(reference) else check_tag(reference)
    return f"/v2/{check_repository(repository)}/manifests/{checked}"


def _blob_path(repository: str, digest: str) -> str:
    return f"/v2/{check_repository(repository)}/blobs/{check_digest(digest)}"


def _until(ends: float, chunks: Iterator[bytes], where: str) -> Iterator[bytes]:
    for chunk in chunks:
        if time.monotonic() > ends:
            raise Unreachable(f"{where}: the blob did not end in time")
        yield chunk


def _chunks_of(file: Path) -> Iterator[bytes]:
    with file.open("rb") as opened:
        while chunk := opened.read(_CHUNK):
            yield chunk
