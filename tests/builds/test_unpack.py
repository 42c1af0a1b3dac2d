from __future__ import annotations

import bz2
import errno
import gzip
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from davylamp.builds.image import build_image, push_image
from davylamp.builds.open import open_registry
from davylamp.builds.protocol import Registry
from davylamp.builds.unpack import Limits, Rootfs, unpack
from davylamp.errors import BadInput, DavylampError, Refused


@pytest.fixture
def into(tmp_path: Path) -> Path:
    return tmp_path / "images"


@pytest.fixture
def unpacked(registry: Registry, repository: str, craft: Any, into: Path) -> Callable[..., Rootfs]:
    """Push an image of these tar layers and unpack it."""

    def do(*layers: bytes, limits: Limits | None = None, **given: Any) -> Rootfs:
        return unpack(registry, repository, craft.push(*layers, **given), into, limits)

    return do


def files(rootfs: Rootfs) -> dict[str, str]:
    found = (path for path in rootfs.path.rglob("*") if path.is_file())
    return {str(path.relative_to(rootfs.path)): path.read_text() for path in found}


def left(into: Path) -> list[str]:
    return sorted(path.name for path in into.iterdir()) if into.exists() else []


def test_a_build_unpacks_to_what_it_was_made_from(
    registry: Registry, repository: str, source: Path, into: Path
) -> None:
    pushed = push_image(registry, repository, build_image(source, version="1.2.0"), None)
    found = unpack(registry, repository, pushed.digest, into)
    assert files(found) == {
        "app/server.py": "print('hello')\n",
        "app/lib/prices.py": "PRICE = 3\n",
    }
    assert found.entrypoint == ("python3", "server.py")
    assert found.environment == {"LEVEL": "info", "MODE": "shop"}
    assert found.workdir == found.path / "app"
    assert found.digest == pushed.digest
    assert left(into) == [pushed.digest.removeprefix("sha256:")]
    run = [sys.executable, *found.entrypoint[1:]]
    said = subprocess.run(run, cwd=found.workdir, capture_output=True, check=True, timeout=30)
    assert said.stdout == b"hello\n"


def test_what_is_unpacked_already_is_used_again_without_the_registry(
    registry: Registry, repository: str, craft: Any, into: Path, tmp_path: Path
) -> None:
    digest = craft.sound()
    first = unpack(registry, repository, digest, into)
    gone = open_registry(f"oci-layout://{tmp_path / 'nothing-there'}")
    assert unpack(gone, repository, digest, into) == first


def test_unpacking_at_the_same_time_leaves_one_whole_image(
    registry: Registry, repository: str, craft: Any, into: Path
) -> None:
    content = os.urandom(200_000)
    digest = craft.push(craft.tar(("app/data", content)))
    found: list[Rootfs] = []
    threads = [
        threading.Thread(target=lambda: found.append(unpack(registry, repository, digest, into)))
        for _ in range(6)
    ]
    for one in threads:
        one.start()
    for one in threads:
        one.join(60)
    assert len(found) == 6
    assert len(set(map(repr, found))) == 1
    assert (found[0].path / "app/data").read_bytes() == content
    assert left(into) == [digest.removeprefix("sha256:")]


# --- layers over layers -------------------------------------------------------------------


def test_later_layers_win_and_whiteouts_hide(unpacked: Callable[..., Rootfs], craft: Any) -> None:
    lower = craft.tar(("a/kept", b"1"), ("a/hidden", b"1"), ("b/x", b"1"), ("c", b"old"))
    upper = craft.tar(("a/.wh.hidden", b""), (".wh.b", b""), ("c", b"new"), (".wh.absent", b""))
    found = unpacked(lower, upper)
    assert files(found) == {"a/kept": "1", "c": "new"}
    assert not (found.path / "b").exists()


@pytest.mark.parametrize("last", [False, True])
def test_an_opaque_whiteout_hides_lower_layers_only(
    unpacked: Callable[..., Rootfs], craft: Any, last: bool
) -> None:
    lower = craft.tar(("a/old", b"1"), ("a/deep/old", b"1"), ("other", b"1"))
    mine = [("a/new", b"2"), ("a/deep/new", b"2")]
    opaque = ("a/.wh..wh..opq", b"")
    upper = craft.tar(*([*mine, opaque] if last else [opaque, *mine]))
    assert files(unpacked(lower, upper)) == {"a/new": "2", "a/deep/new": "2", "other": "1"}


def test_a_whiteout_does_not_hide_what_its_own_layer_brings(
    unpacked: Callable[..., Rootfs], craft: Any
) -> None:
    lower = craft.tar(("a/old", b"1"), ("b", b"1"))
    upper = craft.tar(("a/new", b"2"), (".wh.a", b""), ("b", b"2"), (".wh.b", b""))
    assert files(unpacked(lower, upper)) == {"a/new": "2", "b": "2"}


def test_files_folders_and_links_replace_each_other(
    unpacked: Callable[..., Rootfs], craft: Any
) -> None:
    lower = craft.tar(("a/x", b"1"), ("b", b"1"), ("c", "link", "b"), ("d", "link", "a"))
    upper = craft.tar(("a", b"2"), ("b", "dir"), ("b/y", b"2"), ("c", b"2"), ("d", "dir"))
    found = unpacked(lower, upper)
    assert files(found) == {"a": "2", "b/y": "2", "c": "2"}
    assert (found.path / "d").is_dir()
    assert not (found.path / "d").is_symlink()


def test_a_file_over_a_hard_link_leaves_the_other_name_alone(
    unpacked: Callable[..., Rootfs], craft: Any
) -> None:
    lower = craft.tar(("a", b"1"), ("b", "hard", "a"))
    assert files(unpacked(lower, craft.tar(("b", b"2")))) == {"a": "1", "b": "2"}


def test_links_within_the_image_are_kept(unpacked: Callable[..., Rootfs], craft: Any) -> None:
    found = unpacked(
        craft.tar(
            ("lib/a.so.1", b"1"),
            ("lib/a.so", "link", "a.so.1"),
            ("bin/a", "link", "../lib/a.so"),
            ("dangling", "link", "nowhere"),
        )
    )
    assert (found.path / "bin/a").read_text() == "1"
    assert (found.path / "dangling").is_symlink()


@pytest.mark.parametrize("compress", [gzip.compress, bytes], ids=["gzip", "plain"])
def test_layers_may_be_compressed_or_not(
    unpacked: Callable[..., Rootfs], craft: Any, compress: Callable[[bytes], bytes]
) -> None:
    found = unpacked(craft.tar(("a", b"1")), compress=compress)
    assert files(found) == {"a": "1"}


def test_the_working_directory_is_made_if_it_is_not_there(
    unpacked: Callable[..., Rootfs], craft: Any
) -> None:
    found = unpacked(craft.tar(("a", b"1")), run={"WorkingDir": "/srv/app"})
    assert found.workdir == found.path / "srv/app"
    assert found.workdir.is_dir()


# --- what must never be unpacked ----------------------------------------------------------

HOSTILE = {
    "up": ([("../evil", b"x")], r"'\.\./evil' leads out"),
    "up within": ([("a/../../evil", b"x")], r"'a/\.\./\.\./evil' leads out"),
    "absolute": ([("/tmp/evil", b"x")], "'/tmp/evil' is an absolute path"),
    "absolute folder": ([("/evil", "dir")], "'/evil' is an absolute path"),
    "link to absolute": ([("a", "link", "/etc/passwd")], "'a' links out"),
    "link up": ([("a/b", "link", "../../etc")], "'a/b' links out"),
    "hard link up": ([("a", "hard", "../evil")], "'a' leads out"),
    "hard link to absolute": ([("a", "hard", "/etc/passwd")], "'a' is an absolute path"),
    "hard link to nothing": ([("a", "hard", "b")], "'a' links to 'b', which is no file"),
    "hard link to a link": (
        [("b", "link", "c"), ("a", "hard", "b")],
        "'a' links to 'b', which is no file",
    ),
    "hard link through a link": (
        [("d/f", b"1"), ("l", "link", "d"), ("a", "hard", "l/f")],
        "'a' links to 'l/f', which is no file",
    ),
    "through a link": (
        [("d", "dir"), ("l", "link", "d"), ("l/evil", b"x")],
        "'l/evil' lies beneath 'l', which is no folder",
    ),
    "beneath a file": ([("f", b"1"), ("f/evil", b"x")], "'f/evil' lies beneath 'f'"),
    "links that lead out together": (
        [("x/y/here", "link", ".."), ("out", "link", "x/y/here/../..")],
        "'out' links out",
    ),
    "device": ([("dev/null", "device")], "'dev/null' is a device"),
    "disk": ([("dev/sda", "block")], "'dev/sda' is a device"),
    "pipe": ([("pipe", "pipe")], "'pipe' is a device, socket or pipe"),
    "whiteout of the parent": ([("a/.wh...", b"")], r"'a/\.wh\.\.\.' hides nothing"),
    "whiteout of itself": ([("a/.wh..", b"")], r"hides nothing"),
    "whiteout up": ([("../.wh.evil", b"")], "leads out"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_an_entry_that_reaches_outside_is_refused_by_name(
    unpacked: Callable[..., Rootfs], craft: Any, into: Path, name: str
) -> None:
    entries, why = HOSTILE[name]
    into.mkdir()
    (into.parent / "evil").write_text("mine")
    with pytest.raises(Refused, match=why):
        unpacked(craft.tar(("app/server.py", b"1")), craft.tar(*entries))
    assert left(into) == []
    assert (into.parent / "evil").read_text() == "mine"


def test_a_link_of_one_layer_does_not_lead_another_layer_out(
    unpacked: Callable[..., Rootfs], craft: Any, into: Path
) -> None:
    with pytest.raises(Refused, match="lies beneath 'l', which is no folder"):
        unpacked(craft.tar(("d/x", b"1"), ("l", "link", "d")), craft.tar(("l/evil", b"x")))
    assert left(into) == []


def test_a_working_directory_outside_is_refused(
    unpacked: Callable[..., Rootfs], craft: Any, into: Path
) -> None:
    with pytest.raises(Refused, match=r"working directory '/\.\./\.\./etc' leads out"):
        unpacked(craft.tar(("a", b"1")), run={"WorkingDir": "/../../etc"})
    assert left(into) == []


def test_a_layer_that_is_not_what_the_configuration_says_is_refused(
    unpacked: Callable[..., Rootfs], craft: Any, into: Path
) -> None:
    with pytest.raises(Refused, match="where the configuration says sha256:0000"):
        unpacked(craft.tar(("a", b"1")), diff_ids=["sha256:" + "0" * 64])
    assert left(into) == []


def test_a_time_that_cannot_be_set_does_not_matter(
    unpacked: Callable[..., Rootfs], craft: Any
) -> None:
    for time in ("1e300", "nan", "-1e18"):
        assert files(unpacked(craft.pax("a", {"mtime": time}), tag=f"t-{time}")) == {"a": "1"}


@pytest.mark.parametrize(
    ("headers", "why"),
    [
        ({"path": "a\0b"}, "is damaged"),
        ({"path": "/".join("a" * 200)}, "more than 100 folders deep"),
        ({"path": "x" * 300}, "cannot be unpacked"),
        ({"path": "../evil"}, "leads out"),
        ({"path": "/evil"}, "absolute path"),
        ({"size": "-512"}, None),
        ({"GNU.sparse.size": "99999999999999", "GNU.sparse.map": "0,1"}, "more than is allowed"),
    ],
)
def test_extended_headers_reach_no_further_than_plain_ones(
    unpacked: Callable[..., Rootfs],
    craft: Any,
    into: Path,
    headers: dict[str, str],
    why: str | None,
) -> None:
    with pytest.raises(Refused, match=why):
        unpacked(craft.pax("a", headers))
    assert left(into) == []


@pytest.mark.parametrize(
    "broken",
    [
        lambda raw: gzip.compress(raw)[:-20],
        lambda raw: gzip.compress(raw)[:40] + b"garbage" * 10,
        lambda raw: gzip.compress(b"no tar at all" * 100),
        bz2.compress,
        lambda raw: b"",
    ],
    ids=["truncated", "garbage", "no tar", "bzip2", "empty"],
)
def test_a_broken_layer_is_refused(
    unpacked: Callable[..., Rootfs],
    craft: Any,
    into: Path,
    broken: Callable[[bytes], bytes],
) -> None:
    with pytest.raises(Refused):
        unpacked(craft.tar(("a", os.urandom(5000))), compress=broken)
    assert left(into) == []


def test_zstd_without_support_says_what_to_do(
    unpacked: Callable[..., Rootfs], craft: Any, into: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "zstandard", None)
    monkeypatch.setitem(sys.modules, "compression.zstd", None)
    with pytest.raises(Refused, match=r"zstd.*build the image with gzip layers"):
        unpacked(craft.tar(("a", b"1")), compress=lambda raw: b"\x28\xb5\x2f\xfd" + raw)
    assert left(into) == []


def test_a_blob_truncated_in_the_registry_is_refused(
    registry: Registry,
    repository: str,
    craft: Any,
    into: Path,
    blob_file: Callable[[str], Path],
) -> None:
    digest = craft.sound()
    layer = registry.manifest(repository, digest).document["layers"][0]["digest"]
    file = blob_file(layer)
    file.write_bytes(file.read_bytes()[:-1])
    with pytest.raises(Refused, match="damaged or forged"):
        unpack(registry, repository, digest, into)
    assert left(into) == []


def test_an_image_that_does_not_exist_leaves_nothing(
    registry: Registry, repository: str, into: Path
) -> None:
    with pytest.raises(BadInput):
        unpack(registry, repository, "sha256:" + "0" * 64, into)
    assert left(into) == []


# --- too large, disk full, died -----------------------------------------------------------


def sparse_tar() -> bytes:
    """A GNU sparse file of 1 TB in 1 kB."""
    header = bytearray(512)
    header[0:6] = b"sparse"
    header[100:108], header[108:116], header[116:124] = b"0000644\0", b"0000000\0", b"0000000\0"
    header[124:136], header[136:148] = b"00000000001\0", b"00000000000\0"
    header[156:157], header[257:265] = b"S", b"ustar  \0"
    header[386:398], header[398:410] = b"00000000000\0", b"00000000001\0"
    header[483:495] = b"\x80" + (10**12).to_bytes(11, "big")
    header[148:156] = b" " * 8
    header[148:156] = f"{sum(header):06o}\0 ".encode()
    return bytes(header) + b"x".ljust(512, b"\0") + b"\0" * 1024


def long_header() -> bytes:
    """An extended header that would take 100 MB of memory."""
    header = bytearray(512)
    header[0:1] = b"x"
    header[100:108], header[108:116], header[116:124] = b"0000644\0", b"0000000\0", b"0000000\0"
    header[124:136], header[136:148] = f"{100_000_000:011o}\0".encode(), b"00000000000\0"
    header[156:157], header[257:265] = b"x", b"ustar\00000"
    header[148:156] = b" " * 8
    header[148:156] = f"{sum(header):06o}\0 ".encode()
    return bytes(header) + b"\0" * 1024


def test_an_image_that_unpacks_to_too_much_is_refused(
    unpacked: Callable[..., Rootfs], craft: Any, into: Path
) -> None:
    bombs = [
        craft.tar(("zeros", b"\0" * 2_000_000)),
        craft.tar(("a", b"1")) + b"\0" * 2_000_000,
        sparse_tar(),
        craft.tar(*[(f"f{i}", b"") for i in range(51)]),
    ]
    for bomb in bombs:
        with pytest.raises(Refused, match="unpacks to more than is allowed"):
            unpacked(bomb, limits=Limits(size_bytes=1_000_000, entries=50))
    with pytest.raises(Refused, match="are more than 10 allowed"):
        unpacked(craft.tar(("a", b"1")), limits=Limits(size_bytes=10))
    with pytest.raises(Refused, match="extended header of 100000000 bytes"):
        unpacked(long_header())
    assert left(into) == []


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "small-disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(folder)]
    try:
        done = subprocess.run(mount, capture_output=True, check=False, timeout=30)
    except FileNotFoundError:
        pytest.skip("there is no `mount` here to make a small disk with")
    if done.returncode:
        pytest.skip(f"no right to mount a small disk: {done.stderr.decode().strip()}")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True, timeout=30)


def test_a_full_disk_is_refused_with_what_to_do_and_nothing_stays(
    registry: Registry, repository: str, craft: Any, small_disk: Path
) -> None:
    digest = craft.push(craft.tar(("big", os.urandom(600_000))))
    with pytest.raises(Refused, match=r"the disk is full; make room there") as caught:
        unpack(registry, repository, digest, small_disk / "images")
    assert str(small_disk) in str(caught.value)
    assert left(small_disk / "images") == []
    small = craft.sound()
    assert unpack(registry, repository, small, small_disk / "images").digest == small


def test_a_full_disk_is_told_apart_from_other_errors(
    registry: Registry, repository: str, craft: Any, into: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    digest = craft.sound()

    def full(self: Path, target: Path) -> None:
        raise OSError(errno.ENOSPC, "No space left on device", str(target))

    with monkeypatch.context() as patched:
        patched.setattr(Path, "rename", full)
        with pytest.raises(Refused, match="the disk is full"):
            unpack(registry, repository, digest, into)
    assert left(into) == []
    into.rmdir()
    into.write_text("a file")
    with pytest.raises(Refused, match="check that folder"):
        unpack(registry, repository, digest, into)


def test_what_a_killed_process_left_is_removed(
    registry: Registry, repository: str, craft: Any, into: Path
) -> None:
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait(30)
    (into / f"abc.partial-{dead.pid}-00ff" / "rootfs").mkdir(parents=True)
    (into / f"abc.partial-{os.getpid()}-00ff" / "rootfs").mkdir(parents=True)
    digest = craft.sound()
    unpack(registry, repository, digest, into)
    alive = f"abc.partial-{os.getpid()}-00ff"
    assert left(into) == sorted([digest.removeprefix("sha256:"), alive])


def test_a_digest_that_is_a_path_is_bad_input(
    registry: Registry, repository: str, into: Path
) -> None:
    with pytest.raises(DavylampError):
        unpack(registry, repository, "sha256:../../etc", into)
    assert left(into) == []
