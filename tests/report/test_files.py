"""Pages are written in one step, and only the newest are kept."""

from __future__ import annotations

from pathlib import Path

import pytest

from davylamp.errors import BadInput
from davylamp.report.files import drop_oldest_pages, release_file, write_page, written_page
from davylamp.settings import Settings


def test_a_page_is_found_where_it_was_written(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path)
    assert written_page(settings, 7) is None
    file = write_page(release_file(settings, 7), "<!doctype html>ä")
    assert written_page(settings, 7) == file == tmp_path / "reports" / "release-7.html"
    assert file.read_text(encoding="utf-8").endswith("ä")
    assert list(file.parent.iterdir()) == [file]


def test_only_the_newest_releases_keep_their_page(tmp_path: Path) -> None:
    for number in (2, 9, 10, 100):
        write_page(tmp_path / f"release-{number}.html", "x")
    for other in ("fleet.html", "release-x.html", "notes.txt"):
        (tmp_path / other).write_text("x")
    drop_oldest_pages(tmp_path, keep=2)
    left = {file.name for file in tmp_path.iterdir()}
    assert left == {
        "release-10.html",
        "release-100.html",
        "fleet.html",
        "release-x.html",
        "notes.txt",
    }


def test_the_page_just_written_stays_even_if_none_are_wanted(tmp_path: Path) -> None:
    write_page(tmp_path / "release-1.html", "x")
    drop_oldest_pages(tmp_path, keep=0)
    assert (tmp_path / "release-1.html").exists()


def test_a_file_that_cannot_be_written_is_bad_input_that_names_it(tmp_path: Path) -> None:
    (tmp_path / "reports").write_text("in the way")
    with pytest.raises(BadInput, match=r"reports/release-1\.html"):
        write_page(tmp_path / "reports" / "release-1.html", "x")
