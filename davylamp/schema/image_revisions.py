"""The revisions that a build's image carries."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from davylamp.builds.digest import is_digest
from davylamp.builds.protocol import Registry
from davylamp.builds.unpack import Rootfs, unpack
from davylamp.errors import BadInput, Refused
from davylamp.schema.revision import Revision
from davylamp.schema.revisions import VERSIONS, is_history, load_revisions

FOLDER = "migrations"
"""Name of the Alembic folder in an image."""
_OF_OTHERS = ("site-packages", "dist-packages")
"""Libraries bring histories of their own tables."""


def revisions_of_image(registry: Registry, repository: str, reference: str) -> tuple[Revision, ...]:
    """The revisions of an image (tag or digest), first to last; none when it carries none.

    They stand in `migrations/versions/*.py` of its working directory, or in the only such
    folder it has outside of installed libraries. `file` is the path within the image.
    Revisions are programs and are run here: verify the image's signature first. `BadInput` and
    `Refused` as `unpack` and `load_revisions` raise them, and for several such folders.
    """
    digest = reference if is_digest(reference) else registry.resolve(repository, reference)
    with tempfile.TemporaryDirectory(prefix="davylamp-revisions-") as folder:
        image = unpack(registry, repository, digest, Path(folder))
        history = history_in(image, f"{repository}@{digest}")
        return _without_root(history, image.path) if history else ()


def history_in(image: Rootfs, name: str) -> Path | None:
    """The Alembic folder of an unpacked image; None when it has none."""
    if is_history(image.workdir / FOLDER):
        return image.workdir / FOLDER
    found = sorted(_histories(image.path))
    if len(found) > 1:
        where = ", ".join(f"/{one.relative_to(image.path)}" for one in found)
        raise Refused(
            f"{name} has several folders {FOLDER}/{VERSIONS} ({where}); put the one that counts "
            f"into the working directory, and build the image anew"
        )
    return found[0] if found else None


def _histories(root: Path) -> Iterator[Path]:
    for one in root.rglob(f"{FOLDER}/{VERSIONS}"):
        ours = not any(part in _OF_OTHERS for part in one.relative_to(root).parts)
        if ours and one.is_dir() and any(one.glob("*.py")):
            yield one.parent


def _without_root(history: Path, root: Path) -> tuple[Revision, ...]:
    try:
        found = load_revisions(history)
    except BadInput as error:
        # The path on this machine is gone by the time somebody reads of it.
        raise BadInput(str(error).replace(str(root), "")) from error
    return tuple(replace(one, file=Path("/") / one.file.relative_to(root)) for one in found)
