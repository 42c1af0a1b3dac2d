"""The revisions an image carries, found in its files."""

from __future__ import annotations

from pathlib import Path

import pytest

from davylamp.builds.image import build_image, push_image
from davylamp.builds.layout import LayoutRegistry
from davylamp.errors import BadInput, Refused
from davylamp.schema.image_revisions import revisions_of_image

NAME = "shop/orders"
REVISION = 'revision = "a"\ndown_revision = None\nphase = "expand"\n\n\ndef upgrade(): ...\n'


def push(tmp_path: Path, files: dict[str, str]) -> LayoutRegistry:
    folder = tmp_path / "image"
    for name, text in {
        "davylamp.yaml": "entrypoint: [python3, server.py]\ncontract: {}\n",
        "server.py": "",
        **files,
    }.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    registry = LayoutRegistry(tmp_path / "registry")
    push_image(registry, NAME, build_image(folder, version="1.0.0"), None)
    return registry


def test_revisions_in_the_working_directory_are_found(tmp_path: Path) -> None:
    others = "lib/site-packages/other/migrations/versions/z.py"
    registry = push(tmp_path, {"migrations/versions/a.py": REVISION, others: "broken("})
    (found,) = revisions_of_image(registry, NAME, "1.0.0")
    assert (found.id, str(found.file)) == ("a", "/app/migrations/versions/a.py")
    by_digest = registry.resolve(NAME, "1.0.0")
    assert revisions_of_image(registry, NAME, by_digest) == (found,)


def test_the_only_history_elsewhere_is_found(tmp_path: Path) -> None:
    registry = push(tmp_path, {"db/migrations/versions/a.py": REVISION})
    (found,) = revisions_of_image(registry, NAME, "1.0.0")
    assert str(found.file) == "/app/db/migrations/versions/a.py"


def test_an_image_without_revisions_has_none(tmp_path: Path) -> None:
    registry = push(tmp_path, {"lib/site-packages/x/migrations/versions/a.py": REVISION})
    assert revisions_of_image(registry, NAME, "1.0.0") == ()


def test_several_histories_are_refused_by_name(tmp_path: Path) -> None:
    files = {f"{one}/migrations/versions/a.py": REVISION for one in ("db", "old")}
    with pytest.raises(Refused, match=r"/app/db/migrations, /app/old/migrations"):
        revisions_of_image(push(tmp_path, files), NAME, "1.0.0")


def test_a_broken_revision_is_named_as_it_stands_in_the_image(tmp_path: Path) -> None:
    registry = push(tmp_path, {"migrations/versions/a.py": "import nothing_such"})
    with pytest.raises(BadInput, match=r"^/app/migrations/versions/a\.py:1: does not import"):
        revisions_of_image(registry, NAME, "1.0.0")
