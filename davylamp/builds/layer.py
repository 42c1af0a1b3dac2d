"""A folder as one layer: the same bytes for the same files, whenever and wherever it is made."""

from __future__ import annotations

import gzip
import hashlib
import io
import os
import tarfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from davylamp.builds.digest import digest_of
from davylamp.errors import BadInput

_SKIPPED_NAMES = frozenset({"__pycache__", ".git", ".DS_Store"})
_SKIPPED_ENDINGS = (".pyc", ".pyo")


@dataclass(frozen=True)
class Layer:
    """A layer's gzipped bytes, and the digest of what they unpack to."""

    gzipped: bytes
    diff_id: str

    @property
    def digest(self) -> str:
        return digest_of(self.gzipped)


def make_layer(
    folder: Path, at: str, without: frozenset[str] = frozenset(), include: Sequence[Path] = ()
) -> Layer:
    """Pack a folder, and the files of those in `include`, so that they appear beneath `at`
    (absolute, within the image). Raises `BadInput` when two of them have the same file."""
    target = io.BytesIO()
    hashed = _HashingWriter(gzip.GzipFile("", "wb", compresslevel=6, fileobj=target, mtime=0))
    with tarfile.open(fileobj=hashed, mode="w|", format=tarfile.PAX_FORMAT) as tar:
        for parent in _parents(at):
            tar.addfile(_entry(parent, tarfile.DIRTYPE, 0o755))
        for name, path in _named_files((folder, *include), without):
            _add(tar, path, str(PurePosixPath(at.lstrip("/")) / name))
    hashed.close()
    return Layer(target.getvalue(), f"sha256:{hashed.hexdigest()}")


def _parents(at: str) -> list[str]:
    path = PurePosixPath(at.lstrip("/"))
    return [str(one) for one in reversed((path, *path.parents)) if str(one) != "."]


def _named_files(
    folders: Sequence[Path], without: frozenset[str]
) -> Iterator[tuple[PurePosixPath, Path]]:
    """Each file with its name beneath its folder; one folder after the other."""
    packed: dict[PurePosixPath, Path] = {}
    for folder in folders:
        for path in _files_of(folder, without):
            name = PurePosixPath(path.relative_to(folder))
            other = packed.setdefault(name, path)
            if other is path:
                yield name, path
            elif not (other.is_dir() and path.is_dir()):
                raise BadInput(f"{path} would lie over {other} in the image: rename one of them")


def _files_of(folder: Path, without: frozenset[str]) -> Iterator[Path]:
    for parent, names, files in os.walk(folder):
        names[:] = sorted(name for name in names if name not in _SKIPPED_NAMES)
        for name in sorted(names + files):
            path = Path(parent, name)
            skipped = name in _SKIPPED_NAMES or name.endswith(_SKIPPED_ENDINGS)
            if not skipped and str(path.relative_to(folder)) not in without:
                yield path


def _add(tar: tarfile.TarFile, path: Path, name: str) -> None:
    if path.is_symlink():
        entry = _entry(name, tarfile.SYMTYPE, 0o777)
        entry.linkname = str(path.readlink())
        tar.addfile(entry)
    elif path.is_dir():
        tar.addfile(_entry(name, tarfile.DIRTYPE, 0o755))
    elif path.is_file():
        with path.open("rb") as opened:
            entry = _entry(name, tarfile.REGTYPE, _mode_of(path))
            entry.size = os.fstat(opened.fileno()).st_size
            tar.addfile(entry, opened)
    else:
        raise BadInput(f"{path}: neither file, folder nor link; only those go into an image")


def _mode_of(path: Path) -> int:
    # Root may execute nothing that nobody may, so ask the bits and not the kernel.
    return 0o755 if path.stat().st_mode & 0o111 else 0o644


def _entry(name: str, kind: bytes, mode: int) -> tarfile.TarInfo:
    entry = tarfile.TarInfo(name)
    entry.type, entry.mode = kind, mode
    return entry


class _HashingWriter(io.RawIOBase):
    """A file to write to that knows the digest of all it was given."""

    def __init__(self, target: gzip.GzipFile) -> None:
        self._target = target
        self._hashed = hashlib.sha256()

    def write(self, chunk: bytes, /) -> int:  # type: ignore[override]
        self._hashed.update(chunk)
        return self._target.write(chunk)

    def close(self) -> None:
        self._target.close()

    def hexdigest(self) -> str:
        return self._hashed.hexdigest()
