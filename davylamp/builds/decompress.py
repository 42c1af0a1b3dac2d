"""A layer's blob as a stream of tar bytes: gzip, zstd or plain, told by its first bytes."""

from __future__ import annotations

import gzip
import hashlib
import importlib
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, cast

from davylamp.errors import Refused

_GZIP, _ZSTD = b"\x1f\x8b", b"\x28\xb5\x2f\xfd"


@dataclass
class Budget:
    """How much an image may still unpack to; a guard against bombs."""

    bytes_left: int
    entries_left: int

    def take(self, size: int, entries: int, what: str) -> None:
        """Use some of it up; `Refused` when there isn't so much left."""
        self.bytes_left -= size
        self.entries_left -= entries
        if self.bytes_left < 0 or self.entries_left < 0:
            raise Refused(
                f"{what}: the image unpacks to more than is allowed; make it smaller, or raise "
                "the limit if it is meant to be so large"
            )


class TarStream:
    """Reads, counts against the budget, and knows the digest of all that was read."""

    def __init__(self, source: IO[bytes], budget: Budget, what: str) -> None:
        self._source = source
        self._budget = budget
        self._what = what
        self._hashed = hashlib.sha256()

    def read(self, size: int) -> bytes:
        chunk = self._source.read(size)
        self._hashed.update(chunk)
        self._budget.take(len(chunk), 0, self._what)
        return chunk

    def drain(self) -> str:
        """Read what is left; returns the digest of everything."""
        while self.read(1024 * 1024):
            pass
        return f"sha256:{self._hashed.hexdigest()}"


def open_tar_bytes(file: Path, what: str) -> IO[bytes]:
    """Open a layer's blob for reading what it unpacks to."""
    with file.open("rb") as opened:
        start = opened.read(4)
    if start.startswith(_GZIP):
        return cast("IO[bytes]", gzip.open(file, "rb"))
    if start == _ZSTD:
        return _open_zstd(file, what)
    return file.open("rb")


def _open_zstd(file: Path, what: str) -> IO[bytes]:
    # Python has zstd from 3.14 on; before, the `zstandard` package may be there.
    for name in ("compression.zstd", "zstandard"):
        try:
            module: Any = importlib.import_module(name)
        except ImportError:
            continue
        opened: IO[bytes] = module.open(file, "rb")
        return opened
    raise Refused(
        f"{what} is compressed with zstd, which this Python cannot read: build the image with "
        "gzip layers, or install the package `zstandard`"
    )
