"""Bytes that were promised under a digest: passed on, counted, and checked at the end."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator

from davylamp.builds.digest import check_digest
from davylamp.errors import Refused


def checked_chunks(
    chunks: Iterable[bytes], digest: str, size: int | None, where: str
) -> Iterator[bytes]:
    """Pass on the chunks; `Refused` as soon as they are too many, or at the end if they differ."""
    hashed = hashlib.sha256()
    count = 0
    check_digest(digest)
    for chunk in chunks:
        hashed.update(chunk)
        count += len(chunk)
        if size is not None and count > size:
            raise Refused(_lie(where, digest, f"has more than the {size} bytes promised"))
        yield chunk
    if size is not None and count != size:
        raise Refused(_lie(where, digest, f"has {count} bytes where {size} were promised"))
    found = f"sha256:{hashed.hexdigest()}"
    if found != digest:
        raise Refused(_lie(where, digest, f"has in truth the digest {found}"))


def read_checked(chunks: Iterable[bytes], largest: int, where: str) -> bytes:
    """All of a small blob's bytes; `Refused` if there are more than `largest`."""
    found = bytearray()
    for chunk in chunks:
        found += chunk
        if len(found) > largest:
            raise Refused(f"{where}: more than {largest} bytes, too large for what it should be")
    return bytes(found)


def _lie(where: str, digest: str, what: str) -> str:
    return (
        f"{where}: blob {digest} {what}; the image is damaged or forged: "
        "build and push it anew, and check the registry's storage"
    )
