"""From an image to a folder a process can run in. Whole and checked, or not there at all."""

from __future__ import annotations

import errno
import os
import secrets
import shutil
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from davylamp.builds.decompress import Budget
from davylamp.builds.digest import hex_of
from davylamp.builds.extract import extract_layer
from davylamp.builds.manifests import image_config, image_manifest, promised_blob
from davylamp.builds.oci import Descriptor, ImageConfig, read_document
from davylamp.builds.protocol import Registry
from davylamp.errors import Refused

_CONFIG, _ROOT = "image.json", "rootfs"


@dataclass(frozen=True)
class Limits:
    """What an image may unpack to at most."""

    size_bytes: int = 2 * 1024**3
    entries: int = 200_000


@dataclass(frozen=True)
class Rootfs:
    """An unpacked image, and how to run it."""

    digest: str
    path: Path
    """The image's root folder."""
    entrypoint: tuple[str, ...]
    environment: dict[str, str]
    workdir: Path
    """The working directory, as a path on this machine."""


def unpack(
    registry: Registry, repository: str, digest: str, into: Path, limits: Limits | None = None
) -> Rootfs:
    """Unpack an image into `<into>/<hex of its digest>`; what is there already is used again,
    without asking the registry.

    `Refused` when a blob is not what the manifest says, an entry reaches outside, the image is
    too large, or the disk is full; nothing is left behind then.
    """
    target = into.absolute() / hex_of(digest)
    if not target.exists():
        with _reasons(f"{repository}@{digest}", into):
            into.mkdir(parents=True, exist_ok=True)
            _remove_leftovers(into)
            _unpack_anew(registry, repository, digest, target, limits or Limits())
    return _describe(target, digest)


def _unpack_anew(
    registry: Registry, repository: str, digest: str, target: Path, limits: Limits
) -> None:
    manifest = image_manifest(registry, repository, digest)
    config = image_config(registry, repository, manifest)
    partial = target.with_name(f"{target.name}.partial-{os.getpid()}-{secrets.token_hex(4)}")
    try:
        root = partial / _ROOT
        root.mkdir(parents=True)
        layers = tuple(zip(manifest.layers, config.rootfs.diff_ids, strict=True))
        _unpack_layers(registry, repository, layers, root, limits)
        _check_links(root, f"{repository}@{digest}")
        _workdir(root, config).mkdir(parents=True, exist_ok=True)
        (partial / _CONFIG).write_text(config.model_dump_json(by_alias=True))
        _put_in_place(partial, target)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _unpack_layers(
    registry: Registry,
    repository: str,
    layers: Sequence[tuple[Descriptor, str]],
    root: Path,
    limits: Limits,
) -> None:
    budget = Budget(limits.size_bytes, limits.entries)
    blob = root.with_name("layer")
    for layer, diff_id in layers:
        what = f"{repository}, layer {layer.digest}"
        if layer.size > limits.size_bytes:
            raise Refused(f"{what}: {layer.size} bytes are more than {limits.size_bytes} allowed")
        with blob.open("wb") as opened:
            for chunk in promised_blob(registry, repository, layer):
                opened.write(chunk)
        found = extract_layer(blob, root, budget, what)
        if found != diff_id:
            raise Refused(
                f"{what} unpacks to {found} where the configuration says {diff_id}: "
                "build and push the image anew"
            )
        blob.unlink()


def _check_links(root: Path, image: str) -> None:
    """Links that seem to stay inside one by one may lead out together."""
    home = Path(os.path.realpath(root))
    for parent, names, files in os.walk(root):
        for path in (Path(parent, name) for name in names + files):
            if path.is_symlink() and not Path(os.path.realpath(path)).is_relative_to(home):
                raise Refused(
                    f"{image}: entry {str(path.relative_to(root))!r} links out, to "
                    f"{str(path.readlink())!r}; such an image is never unpacked: build it anew"
                )


def _workdir(root: Path, config: ImageConfig) -> Path:
    wanted = PurePosixPath("/", config.config.working_dir or "/")
    if ".." in wanted.parts:
        raise Refused(f"working directory {str(wanted)!r} leads out by `..`: build the image anew")
    return root / wanted.relative_to("/")


def _put_in_place(partial: Path, target: Path) -> None:
    try:
        partial.rename(target)
    except OSError as error:
        # Another process was faster; what it has is the same, by digest.
        if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
            raise


def _describe(target: Path, digest: str) -> Rootfs:
    file = target / _CONFIG
    try:
        config = read_document(ImageConfig, file.read_bytes(), str(file))
    except OSError as error:
        raise Refused(f"{file}: {error.strerror}: remove {target}, to unpack it anew") from error
    root = target / _ROOT
    run = config.config
    return Rootfs(digest, root, run.command, run.environment, _workdir(root, config))


def _remove_leftovers(into: Path) -> None:
    """Remove what processes that died while unpacking left."""
    for folder in into.glob("*.partial-*-*"):
        pid = folder.name.split("-")[-2]
        if pid.isdigit() and not Path("/proc", pid).exists():
            shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _reasons(image: str, into: Path) -> Generator[None]:
    """Say what the disk's errors mean."""
    try:
        yield
    except OSError as error:
        full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        what = "the disk is full" if full else f"{error.strerror or error} ({error.filename})"
        todo = "make room there" if full else "check that folder"
        raise Refused(
            f"{image} cannot be unpacked into {into}: {what}; {todo} and release again"
        ) from error
