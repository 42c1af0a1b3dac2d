"""One layer onto a folder: entries that would reach outside of it are refused by name."""

from __future__ import annotations

import gzip
import os
import shutil
import tarfile
import zlib
from pathlib import Path, PurePosixPath
from stat import S_ISDIR, S_ISREG
from typing import cast

from davylamp.builds.decompress import Budget, TarStream, open_tar_bytes
from davylamp.errors import Refused

_WHITEOUT = ".wh."
_OPAQUE = ".wh..wh..opq"
_AUFS = ".wh..wh."
_LARGEST_HEADER = 1024 * 1024
_DEEPEST = 100
_BUFFER = 256 * 1024
_DAMAGE = (tarfile.TarError, EOFError, zlib.error, gzip.BadGzipFile, ValueError)
"""ValueError: names with a NUL, numbers that are none."""
_HEADERS = (
    tarfile.XHDTYPE,
    tarfile.XGLTYPE,
    tarfile.SOLARIS_XHDTYPE,
    tarfile.GNUTYPE_LONGNAME,
    tarfile.GNUTYPE_LONGLINK,
)


def extract_layer(file: Path, root: Path, budget: Budget, what: str) -> str:
    """Unpack a layer's blob over what lower layers left in `root`; returns its diff_id."""
    try:
        with open_tar_bytes(file, what) as source:
            stream = TarStream(source, budget, what)
            # Streams never seek, so a layer is read once, in order.
            with tarfile.open(
                fileobj=cast("gzip.GzipFile", stream),
                mode="r|",
                bufsize=_BUFFER,
                tarinfo=_SmallHeaders,
            ) as tar:
                layer = _Layer(tar, root, what)
                for entry in tar:
                    budget.take(entry.size if entry.issparse() else 0, 1, what)
                    layer.add(entry)
            return stream.drain()
    except _DAMAGE as error:
        raise Refused(f"{what} is damaged ({error}): build and push the image anew") from error


class _SmallHeaders(tarfile.TarInfo):
    """Extended headers are read into memory as a whole: a huge one is an attack."""

    @classmethod
    def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> _SmallHeaders:
        found = super().frombuf(buf, encoding, errors)
        if found.type in _HEADERS and found.size > _LARGEST_HEADER:
            raise Refused(f"a layer has an extended header of {found.size} bytes: refused")
        if found.size < 0:
            raise Refused(f"a layer has an entry of {found.size} bytes: refused")
        return found


class _Layer:
    """A layer while it is being unpacked. `fresh` holds what this layer itself brought."""

    def __init__(self, tar: tarfile.TarFile, root: Path, what: str) -> None:
        self._tar = tar
        self._root = root
        self._what = what
        self._fresh: set[PurePosixPath] = set()

    def add(self, entry: tarfile.TarInfo) -> None:
        path = self._inside(entry.name, entry.name)
        if not path.parts:
            return
        self._make_parents(path, entry.name)
        if path.name.startswith(_WHITEOUT):
            self._white_out(path, entry.name)
            return
        if entry.isdir():
            self._make_folder(path)
        elif entry.isfile():
            self._clear(path)
            # A forged time may be one that cannot be set.
            entry.name, entry.mtime = str(path), 0
            self._tar.extract(entry, self._root, filter="data")
        elif entry.issym():
            self._link(path, entry)
        elif entry.islnk():
            self._hard_link(path, entry)
        else:
            raise self._refused(entry.name, "is a device, socket or pipe")
        self._fresh.add(path)

    def _inside(self, name: str, entry: str) -> PurePosixPath:
        path = PurePosixPath(name)
        if path.is_absolute():
            raise self._refused(entry, "is an absolute path")
        if ".." in path.parts:
            raise self._refused(entry, "leads out by `..`")
        if len(path.parts) > _DEEPEST:
            raise self._refused(entry[:60], f"lies more than {_DEEPEST} folders deep")
        return path

    def _make_parents(self, path: PurePosixPath, entry: str) -> None:
        for parent in reversed(path.parents[:-1]):
            mode = self._mode(parent)
            if mode and not S_ISDIR(mode):
                raise self._refused(entry, f"lies beneath {str(parent)!r}, which is no folder")
            if not mode:
                (self._root / parent).mkdir()
            self._fresh.add(parent)

    def _make_folder(self, path: PurePosixPath) -> None:
        if not S_ISDIR(self._mode(path)):
            self._clear(path)
            (self._root / path).mkdir()

    def _link(self, path: PurePosixPath, entry: tarfile.TarInfo) -> None:
        target = os.path.normpath(path.parent / entry.linkname)
        if target.startswith("/") or PurePosixPath(target).parts[:1] == ("..",):
            raise self._refused(entry.name, f"links out, to {entry.linkname!r}")
        self._clear(path)
        (self._root / path).symlink_to(entry.linkname)

    def _hard_link(self, path: PurePosixPath, entry: tarfile.TarInfo) -> None:
        target = self._inside(entry.linkname, entry.name)
        through = [one for one in target.parents[:-1] if not S_ISDIR(self._mode(one))]
        if through or not S_ISREG(self._mode(target)):
            raise self._refused(entry.name, f"links to {entry.linkname!r}, which is no file here")
        if target == path:
            return
        self._clear(path)
        (self._root / path).hardlink_to(self._root / target)

    def _white_out(self, path: PurePosixPath, entry: str) -> None:
        if path.name == _OPAQUE:
            for child in (self._root / path.parent).iterdir():
                self._remove_lower(path.parent / child.name)
            return
        if path.name.startswith(_AUFS):
            return
        name = path.name.removeprefix(_WHITEOUT)
        if name in ("", ".", ".."):
            raise self._refused(entry, "hides nothing that could be named")
        self._remove_lower(path.parent / name)

    def _remove_lower(self, path: PurePosixPath) -> None:
        """Remove what lower layers left; what this layer brought stays."""
        if path not in self._fresh:
            self._clear(path)
        elif S_ISDIR(self._mode(path)):
            for child in (self._root / path).iterdir():
                self._remove_lower(path / child.name)

    def _clear(self, path: PurePosixPath) -> None:
        mode = self._mode(path)
        if S_ISDIR(mode):
            shutil.rmtree(self._root / path)
        elif mode:
            (self._root / path).unlink()

    def _mode(self, path: PurePosixPath) -> int:
        """What is there, links not followed; 0 for nothing."""
        try:
            return (self._root / path).lstat().st_mode
        except (FileNotFoundError, NotADirectoryError):
            return 0

    def _refused(self, entry: str, why: str) -> Refused:
        return Refused(
            f"{self._what}: entry {entry!r} {why}; such an image is never unpacked: "
            "find out who built it, and build it anew without that entry"
        )
