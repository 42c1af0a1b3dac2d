"""Builds that must not run, and copies that don't: each ends with a reason, stable serving."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from davylamp.builds.keys import PRIVATE_KEY
from davylamp.builds.open import open_registry
from davylamp.builds.signature import generate_keys, sign
from tests.builds.conftest import CONTRACT, VERSION, Craft
from tests.live_plane import LivePlane

pytestmark = [pytest.mark.server, pytest.mark.timeout(240)]
REPOSITORY = "shop/payments"


@pytest.fixture(scope="module")
def stable(plane: LivePlane) -> str:
    return plane.stable("payments")


def refused(plane: LivePlane, stable: str, image: str, state: str, why: str) -> None:
    done = plane.release("payments", image)
    assert (str(done.state), why in done.reason) == (state, True), done.reason
    assert plane.versions_served("payments") == {stable}
    assert plane.processes_of(done.id) == []


@dataclass
class Forge:
    """Pushes images made by hand, signed with the key that is trusted."""

    plane: LivePlane
    craft: Craft

    def push(self, *layers: bytes, contract: bool = True, **given: Any) -> str:
        version = self.plane.next_version()
        labels = {VERSION: version} | ({CONTRACT: "{}"} if contract else {})
        digest = self.craft.push(*layers, tag=version, labels=labels, **given)
        sign(self.craft.registry, REPOSITORY, digest, self.plane.home / "keys" / PRIVATE_KEY)
        return version


@pytest.fixture
def forge(plane: LivePlane, stable: str, tmp_path: Path) -> Iterator[Forge]:
    registry = open_registry(plane.addresses.registry_url)
    yield Forge(plane, Craft(registry, REPOSITORY, tmp_path))
    registry.close()


@pytest.mark.parametrize(
    ("entry", "why"),
    [
        (("../evil", b"x"), "'../evil' leads out"),
        (("/tmp/evil", b"x"), "'/tmp/evil' is an absolute path"),
        (("app/out", "link", "../../etc"), "'app/out' links out"),
    ],
)
def test_an_image_that_reaches_outside_is_never_unpacked(
    plane: LivePlane, stable: str, forge: Forge, entry: tuple[Any, ...], why: str
) -> None:
    layers = forge.craft.tar(("app/server.py", b"1")), forge.craft.tar(entry)
    refused(plane, stable, forge.push(*layers), "rolled_back", why)


def test_a_manifest_that_lies_about_a_blob_is_refused(
    plane: LivePlane, stable: str, forge: Forge
) -> None:
    def lie(manifest: dict[str, Any]) -> None:
        manifest["layers"][0]["size"] += 1

    version = forge.push(forge.craft.tar(("app/server.py", b"1")), edit=lie)
    refused(plane, stable, version, "refused", "bytes where")


def test_an_image_without_a_contract_is_refused(
    plane: LivePlane, stable: str, forge: Forge
) -> None:
    version = forge.push(forge.craft.tar(("app/server.py", b"1")), contract=False)
    refused(plane, stable, version, "refused", "carries no contract")


def test_an_image_signed_by_a_stranger_is_refused(
    plane: LivePlane, stable: str, tmp_path: Path
) -> None:
    private, _ = generate_keys(tmp_path / "strange")
    version = plane.push("payments", more=("--key", str(private)))
    refused(plane, stable, version, "refused", "is wrongly signed")


def test_a_tag_that_was_moved_to_another_digest_is_refused(plane: LivePlane, stable: str) -> None:
    plane.push("payments", version=stable, more=("--move-tag",), slow_share=0.5)
    refused(plane, stable, stable, "refused", "a version is never used twice")


def test_a_full_disk_at_unpacking_takes_the_release_back(plane: LivePlane, stable: str) -> None:
    version = plane.push("payments")
    with full_disk(plane.home / "images"):
        refused(plane, stable, version, "rolled_back", "the disk is full")


@contextmanager
def full_disk(folder: Path) -> Iterator[None]:
    """A folder with no room left, for as long as the block lasts."""
    if os.geteuid() != 0:
        pytest.skip("only root may mount a small disk")
    small = ["mount", "-t", "tmpfs", "-o", "size=4k,nr_inodes=8", "tmpfs", str(folder)]
    if subprocess.run(small, check=False, capture_output=True).returncode != 0:
        pytest.skip("mounting is not allowed here")
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def test_an_unsigned_image_is_waited_for_and_then_refused(plane: LivePlane, stable: str) -> None:
    version = plane.push("payments", sign=False)
    refused(plane, stable, version, "refused", "is not signed")


def test_an_image_that_does_not_exist_is_refused(plane: LivePlane, stable: str) -> None:
    before = plane.last_release("payments").id
    asked = plane.run("release", "payments", "9.9.9", check=False)
    assert (asked.returncode, "9.9.9" in asked.stderr) == (2, True)
    assert plane.last_release("payments").id == before
    assert plane.versions_served("payments") == {stable}


def test_an_image_that_starts_and_dies_is_taken_back_with_its_last_words(
    plane: LivePlane, stable: str
) -> None:
    version = plane.push("payments", die_after=0)
    refused(plane, stable, version, "rolled_back", "did not start")


def test_an_image_that_never_listens_is_taken_back(plane: LivePlane, stable: str) -> None:
    version = plane.push("payments", never_listen=1)
    refused(plane, stable, version, "rolled_back", "did not start")


def test_a_frozen_service_takes_no_release_until_it_is_thawed(
    plane: LivePlane, stable: str
) -> None:
    version = plane.push("payments")
    plane.run("freeze", "payments", "--why", "audit week")
    refused(plane, stable, version, "refused", "audit week")
    plane.run("thaw", "payments")
