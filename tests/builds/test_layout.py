from __future__ import annotations

import fcntl
import json
from pathlib import Path

import pytest

from davylamp.builds.image import build_image, push_image
from davylamp.builds.layout import LayoutRegistry
from davylamp.builds.lock import locked
from davylamp.errors import BadInput, Refused, Unreachable


@pytest.fixture
def layout(tmp_path: Path) -> LayoutRegistry:
    return LayoutRegistry(tmp_path / "layout")


def test_what_is_written_is_an_oci_image_layout(layout: LayoutRegistry, source: Path) -> None:
    built = build_image(source, version="1.2.0")
    push_image(layout, "shop/checkout", built, None)
    folder = layout.folder / "shop/checkout"
    assert json.loads((folder / "oci-layout").read_text()) == {"imageLayoutVersion": "1.0.0"}
    index = json.loads((folder / "index.json").read_text())
    assert index["schemaVersion"] == 2
    assert index["manifests"][0]["annotations"] == {"org.opencontainers.image.ref.name": "1.2.0"}
    names = {file.name for file in (folder / "blobs/sha256").iterdir()}
    assert built.digest.removeprefix("sha256:") in names
    assert len(names) == 3


def test_a_broken_index_is_refused_with_the_files_name(layout: LayoutRegistry) -> None:
    folder = layout.folder / "shop/checkout"
    folder.mkdir(parents=True)
    (folder / "index.json").write_text('{"manifests": [{"digest": "sha256:12", "size": 3}]}')
    with pytest.raises(Refused, match=r"index\.json: manifests\.0\.digest"):
        layout.tags("shop/checkout")
    (folder / "index.json").write_text("{")
    with pytest.raises(Refused, match=r"index\.json"):
        layout.tags("shop/checkout")


def test_an_unknown_tag_is_answered_with_the_known_ones(
    layout: LayoutRegistry, source: Path
) -> None:
    push_image(layout, "shop/checkout", build_image(source, version="1.2.0"), None)
    with pytest.raises(BadInput, match=r"it has: 1\.2\.0"):
        layout.resolve("shop/checkout", "1.3.0")


def test_a_lock_held_for_too_long_is_unreachable(tmp_path: Path) -> None:
    file = tmp_path / "lock"
    with file.open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        with pytest.raises(Unreachable, match="locked by another process"), locked(file, 0.05):
            pass
    with locked(file, 0.05):
        pass
