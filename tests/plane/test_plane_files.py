from __future__ import annotations

import os
from pathlib import Path

import pytest

from davylamp.errors import BadInput
from davylamp.plane.home import Home
from davylamp.plane.janitor import set_unused_aside
from davylamp.plane.layout import check_names
from davylamp.plane.lock import is_locked, take_lock
from davylamp.plane.logs import cap_logs, drop_oldest, last_line


def test_the_socket_of_a_home_too_deep_for_one_lies_under_tmp() -> None:
    deep = Home(Path("/", *["a-long-folder-name"] * 8))
    assert len(os.fsencode(deep.socket)) <= 107
    assert deep.socket.is_relative_to("/tmp")
    assert Home(Path("/srv/home")).socket == Path("/srv/home/plane.sock")


def test_homes_too_deep_do_not_share_a_socket() -> None:
    one, two = (Home(Path("/", *["a-long-folder-name"] * 8, last)) for last in ("one", "two"))
    assert one.socket != two.socket


def test_a_home_that_cannot_be_made_is_bad_input_that_names_it(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(BadInput, match="DAVYLAMP_HOME"):
        Home(tmp_path / "file" / "home").make()


def test_an_unknown_part_is_bad_input_that_lists_the_parts() -> None:
    with pytest.raises(BadInput, match="no part nginx: it has postgres"):
        check_names(("postgres", "nginx"))


def test_a_lock_held_is_not_taken_twice(tmp_path: Path) -> None:
    file = tmp_path / "plane.lock"
    held = take_lock(file, 0)
    assert held is not None
    assert take_lock(file, 0) is None
    assert is_locked(file)
    os.close(held)
    assert not is_locked(file)


def test_a_log_that_grew_too_long_is_cut_and_kept_beside(tmp_path: Path) -> None:
    log = tmp_path / "a.log"
    with log.open("ab") as writer:
        writer.write(b"x" * 100)
        writer.flush()
        cap_logs(tmp_path, limit_bytes=50)
        writer.write(b"after\n")
    assert log.read_bytes() == b"after\n"
    assert (tmp_path / "a.log.1").stat().st_size == 100


def test_the_last_line_of_no_log_is_empty(tmp_path: Path) -> None:
    assert last_line(tmp_path / "none.log") == ""


def test_logs_of_copies_that_are_gone_are_dropped_oldest_first(tmp_path: Path) -> None:
    for age, name in enumerate(("newest", "middle", "oldest", "lives")):
        (tmp_path / f"{name}.log").write_text("")
        os.utime(tmp_path / f"{name}.log", (1000 - age, 1000 - age))
    drop_oldest(tmp_path, but={"lives"}, keep=1)
    assert sorted(log.stem for log in tmp_path.iterdir()) == ["lives", "newest"]


def test_images_in_use_are_never_set_aside(tmp_path: Path) -> None:
    for name in ("used", "unused", "busy.partial-1-a"):
        (tmp_path / name).mkdir()
    set_unused_aside(tmp_path, {"used"}, keep=0)
    found = sorted(folder.name for folder in tmp_path.iterdir())
    assert found == ["busy.partial-1-a", "unused.unused", "used"]
