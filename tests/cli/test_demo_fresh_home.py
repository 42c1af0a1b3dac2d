"""A demonstration begins in an empty home, and empties nothing that isn't its own."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from davylamp.cli.demo.fresh_home import make_fresh
from davylamp.errors import BadInput, Refused
from davylamp.plane.home import Home
from davylamp.plane.lock import take_lock


def test_what_the_last_demonstration_left_is_gone(tmp_path: Path) -> None:
    home = Home(tmp_path / "demo")
    make_fresh(home)
    (home.folder / "registry").mkdir()
    make_fresh(home)
    assert not (home.folder / "registry").exists()


def test_somebody_elses_folder_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("ten years of work")
    with pytest.raises(BadInput, match="is not empty"):
        make_fresh(Home(tmp_path))
    assert (tmp_path / "thesis.tex").exists()


def test_a_demonstration_that_is_still_up_is_not_disturbed(tmp_path: Path) -> None:
    home = Home(tmp_path / "demo")
    make_fresh(home)
    (home.folder / "addresses.json").write_text("{}")
    handle = take_lock(home.lock, 0)
    assert handle is not None
    with pytest.raises(Refused, match="still up"):
        make_fresh(home)
    os.close(handle)
    assert (home.folder / "addresses.json").exists()
