"""What holds for every registry, over HTTP or a folder."""

from __future__ import annotations

import json
import multiprocessing
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from davylamp.builds.image import build_image, push_image
from davylamp.builds.open import open_registry
from davylamp.builds.protocol import Registry
from davylamp.errors import BadInput, Refused

INDEX_TYPE = "application/vnd.oci.image.index.v1+json"
ABSENT = "sha256:" + "0" * 64


def test_what_was_pushed_can_be_read_again(
    registry: Registry, repository: str, source: Path
) -> None:
    built = build_image(source, version="1.2.0")
    pushed = push_image(registry, repository, built, None)
    assert registry.tags(repository) == ["1.2.0"]
    assert registry.resolve(repository, "1.2.0") == pushed.digest == built.digest
    for reference in ("1.2.0", pushed.digest):
        found = registry.manifest(repository, reference)
        assert (found.raw, found.digest) == (built.manifest, built.digest)
        assert found.media_type == found.document["mediaType"]
    layer = registry.blob(repository, built.layer.digest, len(built.layer.gzipped))
    assert b"".join(layer) == built.layer.gzipped


def test_pushing_twice_changes_nothing(registry: Registry, repository: str, source: Path) -> None:
    built = build_image(source, version="1.2.0")
    first = push_image(registry, repository, built, None)
    assert push_image(registry, repository, built, None) == first
    assert registry.tags(repository) == ["1.2.0"]


def test_tags_are_sorted(registry: Registry, repository: str, craft: Any) -> None:
    for tag in ("2.0.0", "1.0.0", "1.5.0"):
        craft.sound(tag)
    assert registry.tags(repository) == ["1.0.0", "1.5.0", "2.0.0"]


def test_a_repository_that_does_not_exist_has_no_tags(registry: Registry) -> None:
    assert registry.tags("no/such-repository") == []


def test_what_does_not_exist_is_bad_input(registry: Registry, repository: str, craft: Any) -> None:
    craft.sound("1.0.0")
    with pytest.raises(BadInput):
        registry.resolve(repository, "9.9.9")
    with pytest.raises(BadInput):
        registry.manifest(repository, ABSENT)
    with pytest.raises(BadInput):
        list(registry.blob(repository, ABSENT))


@pytest.mark.parametrize("name", ["../up", "/etc", "A/b", "a//b", "a/../b", "", "a?b"])
def test_names_that_could_reach_elsewhere_are_bad_input(registry: Registry, name: str) -> None:
    with pytest.raises(BadInput):
        registry.tags(name)
    with pytest.raises(BadInput):
        registry.manifest("shop/checkout", f"../{name}")
    with pytest.raises(BadInput):
        list(registry.blob("shop/checkout", f"sha256:{name}"))


def test_a_tag_is_moved_by_pushing_again_and_its_old_digest_stays(
    registry: Registry, repository: str, craft: Any
) -> None:
    old = craft.sound("1.0.0")
    new = craft.sound("1.0.0", run={"Env": ["A=b"]})
    assert old != new
    assert registry.resolve(repository, "1.0.0") == new
    assert registry.manifest(repository, old).digest == old
    assert registry.tags(repository) == ["1.0.0"]


def test_a_blob_that_was_damaged_is_refused(
    registry: Registry, repository: str, craft: Any, blob_file: Callable[[str], Path]
) -> None:
    digest = craft.blob(f"what {repository} pushed".encode())
    blob_file(digest).write_bytes(b"what lies there")
    with pytest.raises(Refused, match="damaged or forged"):
        list(registry.blob(repository, digest))


def test_a_blob_that_was_cut_short_is_refused(
    registry: Registry, repository: str, craft: Any, blob_file: Callable[[str], Path]
) -> None:
    digest = craft.blob(repository.encode().ljust(1000))
    blob_file(digest).write_bytes(b"x" * 500)
    with pytest.raises(Refused, match="500 bytes where 1000 were promised"):
        list(registry.blob(repository, digest, 1000))


def test_a_blob_longer_than_promised_is_refused_before_its_end(
    registry: Registry, repository: str, craft: Any
) -> None:
    digest = craft.blob(b"x" * 3_000_000)
    with pytest.raises(Refused, match="more than the 10 bytes promised"):
        next(iter(registry.blob(repository, digest, 10)))


def test_a_manifest_that_was_damaged_is_refused(
    registry: Registry, repository: str, craft: Any, blob_file: Callable[[str], Path]
) -> None:
    digest = craft.sound()
    file = blob_file(digest)
    file.write_bytes(file.read_bytes().replace(b'"size"', b'"SIZE"', 1))
    with pytest.raises(Refused):
        registry.manifest(repository, digest)
    with pytest.raises(Refused):
        registry.manifest(repository, "1.0.0")


def test_a_blob_is_not_pushed_under_another_digest(
    registry: Registry, repository: str, tmp_path: Path
) -> None:
    file = tmp_path / "blob"
    file.write_bytes(b"something")
    with pytest.raises((BadInput, Refused)):
        registry.push_blob(repository, file, ABSENT)


def test_a_manifest_can_be_pushed_by_its_digest_without_a_tag(
    registry: Registry, repository: str, craft: Any
) -> None:
    tagged = registry.manifest(repository, craft.sound("1.0.0"))
    other = json.dumps({**tagged.document, "annotations": {"a": "b"}}).encode()
    digest = registry.manifest(repository, tagged.digest).digest
    with pytest.raises(BadInput, match="the manifest's digest is"):
        registry.push_manifest(repository, digest, other, tagged.media_type)
    again = registry.push_manifest(repository, digest, tagged.raw, tagged.media_type)
    assert again == digest
    assert registry.tags(repository) == ["1.0.0"]


def _push_many(url: str, repository: str, source: Path, mine: int) -> None:
    registry = open_registry(url)
    for number in range(8):
        built = build_image(source, version=f"{mine}.{number}.0")
        push_image(registry, repository, built, None)
    registry.close()


def test_pushers_at_the_same_time_lose_nothing(
    registry_url: str, registry: Registry, repository: str, source: Path
) -> None:
    spawn = multiprocessing.get_context("fork")
    pushers = [
        spawn.Process(target=_push_many, args=(registry_url, repository, source, mine))
        for mine in range(1, 4)
    ]
    for one in pushers:
        one.start()
    for one in pushers:
        one.join(60)
    assert [one.exitcode for one in pushers] == [0, 0, 0]
    assert len(registry.tags(repository)) == 24


@pytest.mark.parametrize(
    "url",
    ["", "ftp://host", "http://", "oci-layout://relative/folder", "oci-layout:relative", "/folder"],
)
def test_an_address_of_another_kind_is_bad_input(url: str) -> None:
    with pytest.raises(BadInput, match="is no registry"):
        open_registry(url)
