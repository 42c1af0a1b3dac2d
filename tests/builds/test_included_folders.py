"""Several images may share files that lie in a folder beside theirs."""

from __future__ import annotations

import gzip
import io
import tarfile
from pathlib import Path

import pytest

from davylamp.builds.image import build_image
from davylamp.errors import BadInput


def folder_with(parent: Path, name: str, **files: str) -> Path:
    folder = parent / name
    folder.mkdir(parents=True)
    for file, text in files.items():
        (folder / file.replace("__", ".")).write_text(text)
    return folder


def image_folder(parent: Path, include: str, **files: str) -> Path:
    build_file = f"entrypoint: [python3]\ncontract: {{}}\ninclude: [{include}]\n"
    return folder_with(parent, "service", davylamp__yaml=build_file, **files)


def names_in(folder: Path) -> list[str]:
    layer = build_image(folder, version="1.0.0").layer
    with tarfile.open(fileobj=io.BytesIO(gzip.decompress(layer.gzipped))) as tar:
        return tar.getnames()


def test_an_included_folders_files_lie_beside_the_images_own(tmp_path: Path) -> None:
    folder_with(tmp_path, "common", shared__py="a = 1")
    folder = image_folder(tmp_path, "../common", server__py="b = 2")
    assert names_in(folder) == ["app", "app/server.py", "app/shared.py"]


@pytest.mark.parametrize("include", ["../../elsewhere", "/etc", "..", "../link"])
def test_an_include_that_leaves_the_neighbourhood_is_bad_input(
    tmp_path: Path, include: str
) -> None:
    folder_with(tmp_path, "elsewhere")
    folder = image_folder(tmp_path / "images", include)
    (tmp_path / "images" / "link").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(BadInput, match=r"include: .* lies outside"):
        names_in(folder)


def test_an_include_that_does_not_exist_is_bad_input(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="is no folder"):
        names_in(image_folder(tmp_path, "../common"))


def test_two_files_for_one_place_are_bad_input(tmp_path: Path) -> None:
    folder_with(tmp_path, "common", server__py="a = 1")
    with pytest.raises(BadInput, match="would lie over"):
        names_in(image_folder(tmp_path, "../common", server__py="b = 2"))
