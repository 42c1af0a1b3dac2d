from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from davylamp.builds.contract import Contract
from davylamp.builds.image import build_image, push_image
from davylamp.builds.protocol import Registry
from davylamp.builds.verify import (
    SignaturePending,
    VerifiedBuild,
    inspect,
    verify_blobs,
    verify_build,
)
from davylamp.errors import BadInput, Refused

CONTRACT = "dev.davylamp.contract"
VERSION = "org.opencontainers.image.version"
INDEX_TYPE = "application/vnd.oci.image.index.v1+json"


def test_a_signed_build_is_verified_with_all_that_is_known_of_it(
    registry: Registry, repository: str, source: Path, keys: Any
) -> None:
    pushed = push_image(registry, repository, build_image(source, version="1.2.0"), keys.private)
    found = verify_build(registry, repository, "1.2.0", keys.trusted, True)
    assert isinstance(found, VerifiedBuild)
    assert found.image == pushed.image == f"{repository}@{pushed.digest}"
    assert found.version == "1.2.0"
    assert found.signed_by == keys.fingerprint
    assert found.contract == Contract(flags=("new-checkout",), api_versions=("2026-01-01",))
    assert found.facts.entrypoint == ("python3", "server.py")
    assert found.facts.environment == {"LEVEL": "info", "MODE": "shop"}
    assert found.facts.workdir == "/app"


def test_a_build_may_be_named_by_digest(
    registry: Registry, repository: str, source: Path, keys: Any
) -> None:
    pushed = push_image(registry, repository, build_image(source, version="1.2.0"), keys.private)
    for reference in (pushed.digest, f"1.2.0@{pushed.digest}"):
        found = verify_build(registry, repository, reference, keys.trusted, True)
        assert isinstance(found, VerifiedBuild)
        assert (found.digest, found.version) == (pushed.digest, "1.2.0")


def test_an_unsigned_build_waits_for_its_signature_and_is_verified_then(
    registry: Registry, repository: str, source: Path, keys: Any
) -> None:
    built = build_image(source, version="1.2.0")
    push_image(registry, repository, built, None)
    pending = verify_build(registry, repository, "1.2.0", keys.trusted, True)
    assert isinstance(pending, SignaturePending)
    assert "no signature yet" in pending.reason
    push_image(registry, repository, built, keys.private)
    found = verify_build(registry, repository, pending.digest, keys.trusted, True)
    assert isinstance(found, VerifiedBuild)


def test_where_no_signature_is_required_none_is_looked_for(
    registry: Registry, repository: str, source: Path
) -> None:
    push_image(registry, repository, build_image(source, version="1.2.0"), None)
    found = verify_build(registry, repository, "1.2.0", (), required=False)
    assert isinstance(found, VerifiedBuild)
    assert found.signed_by == ""


def test_a_build_signed_by_a_stranger_is_refused(
    registry: Registry, repository: str, source: Path, keys: Any, strange_keys: Any
) -> None:
    built = build_image(source, version="1.2.0")
    push_image(registry, repository, built, strange_keys.private)
    with pytest.raises(Refused, match="no trusted key"):
        verify_build(registry, repository, "1.2.0", keys.trusted, True)


def test_a_build_without_contract_is_refused_with_what_to_do(
    registry: Registry, repository: str, craft: Any
) -> None:
    craft.sound(labels={})
    with pytest.raises(Refused, match=r"carries no contract.*add `contract:`"):
        inspect(registry, repository, "1.0.0")


@pytest.mark.parametrize("text", ["", "{", "[]", '{"flagz": []}', '{"format": 2}', "null"])
def test_an_unreadable_contract_is_refused(
    registry: Registry, repository: str, craft: Any, text: str
) -> None:
    craft.sound(labels={CONTRACT: text})
    with pytest.raises(Refused, match="contract in label"):
        inspect(registry, repository, "1.0.0")


def test_a_build_without_entrypoint_is_refused(
    registry: Registry, repository: str, craft: Any
) -> None:
    craft.sound(run={"Entrypoint": None})
    with pytest.raises(Refused, match="has no entrypoint"):
        inspect(registry, repository, "1.0.0")


def test_default_arguments_follow_the_entrypoint(
    registry: Registry, repository: str, craft: Any
) -> None:
    craft.sound(run={"Entrypoint": ["a"], "Cmd": ["b"]})
    assert inspect(registry, repository, "1.0.0").entrypoint == ("a", "b")


def test_a_tag_that_was_moved_since_is_refused(
    registry: Registry, repository: str, craft: Any
) -> None:
    seen = inspect(registry, repository, "1.0.0" if craft.sound() else "").digest
    now = craft.sound(run={"Env": ["A=b"]})
    with pytest.raises(Refused, match=f"1.0.0 was {seen} and is {now} now"):
        inspect(registry, repository, f"1.0.0@{seen}")
    assert inspect(registry, repository, seen).digest == seen


def test_a_tag_on_a_build_of_another_version_is_refused(
    registry: Registry, repository: str, craft: Any
) -> None:
    craft.sound("1.2.0", labels={CONTRACT: "{}", VERSION: "1.1.0"})
    with pytest.raises(Refused, match=r"is tagged 1\.2\.0 and calls itself 1\.1\.0"):
        inspect(registry, repository, "1.2.0")


@pytest.mark.parametrize(
    ("tag", "label", "version"),
    [("v1.2", "1.2.0", "v1.2"), ("latest", "1.2.0", "1.2.0"), ("latest", "", "latest")],
)
def test_the_version_is_the_tag_or_what_the_build_calls_itself(
    registry: Registry, repository: str, craft: Any, tag: str, label: str, version: str
) -> None:
    labels = {CONTRACT: "{}"} | ({VERSION: label} if label else {})
    craft.sound(tag, labels=labels)
    assert inspect(registry, repository, tag).version == version


def test_a_build_that_does_not_exist_is_bad_input(
    registry: Registry, repository: str, craft: Any
) -> None:
    craft.sound()
    for reference in ("9.9.9", "sha256:" + "0" * 64):
        with pytest.raises(BadInput):
            inspect(registry, repository, reference)


@pytest.mark.parametrize("delta", [-1, 1])
def test_a_manifest_that_lies_about_a_blobs_size_is_refused_before_anything_starts(
    registry: Registry, repository: str, craft: Any, delta: int
) -> None:
    def lie(manifest: dict[str, Any]) -> None:
        manifest["layers"][0]["size"] += delta

    craft.sound(edit=lie)
    facts = inspect(registry, repository, "1.0.0")
    with pytest.raises(Refused, match="damaged or forged"):
        verify_blobs(registry, repository, facts.manifest)
    with pytest.raises(Refused, match="damaged or forged"):
        verify_build(registry, repository, "1.0.0", (), required=False)


def test_a_layer_damaged_in_the_registry_is_refused_before_anything_starts(
    registry: Registry, repository: str, craft: Any, blob_file: Callable[[str], Path]
) -> None:
    craft.sound()
    layer = inspect(registry, repository, "1.0.0").manifest.layers[0]
    file = blob_file(layer.digest)
    file.write_bytes(file.read_bytes()[:-1] + b"!")
    with pytest.raises(Refused, match="has in truth the digest"):
        verify_build(registry, repository, "1.0.0", (), required=False)


def test_a_layer_missing_from_the_registry_is_never_verified(
    registry: Registry, repository: str, craft: Any, blob_file: Callable[[str], Path]
) -> None:
    craft.sound()
    layer = inspect(registry, repository, "1.0.0").manifest.layers[0]
    blob_file(layer.digest).unlink()
    with pytest.raises(Refused, match="which the registry doesn't have"):
        verify_build(registry, repository, "1.0.0", (), required=False)


def test_a_configuration_for_another_number_of_layers_is_refused(
    registry: Registry, repository: str, craft: Any
) -> None:
    def lie(manifest: dict[str, Any]) -> None:
        manifest["layers"] *= 2

    craft.sound(edit=lie)
    with pytest.raises(Refused, match="names 1 layers where the manifest has 2"):
        inspect(registry, repository, "1.0.0")


def index_of(craft: Any, *platforms: tuple[str, str]) -> dict[str, Any]:
    entries: list[dict[str, Any]] = []
    for os, architecture in platforms:
        digest = craft.sound("1.0.0", run={"Env": [f"FOR={os}/{architecture}"]})
        manifest = craft.registry.manifest(craft.repository, digest)
        entries.append(
            {
                "mediaType": manifest.media_type,
                "digest": digest,
                "size": len(manifest.raw),
                "platform": {"os": os, "architecture": architecture},
            }
        )
    return {"schemaVersion": 2, "mediaType": INDEX_TYPE, "manifests": entries}


def test_of_an_index_the_image_for_this_platform_is_taken_and_the_indexs_digest_counts(
    registry: Registry, repository: str, craft: Any
) -> None:
    index = json.dumps(index_of(craft, ("linux", "arm64"), ("linux", "amd64"))).encode()
    digest = registry.push_manifest(repository, "1.0.0", index, INDEX_TYPE)
    facts = inspect(registry, repository, "1.0.0")
    assert facts.digest == digest
    assert facts.environment == {"FOR": "linux/amd64"}


def test_an_index_without_this_platform_is_refused_with_what_it_has(
    registry: Registry, repository: str, craft: Any
) -> None:
    index = json.dumps(index_of(craft, ("linux", "arm64"))).encode()
    registry.push_manifest(repository, "1.0.0", index, INDEX_TYPE)
    with pytest.raises(Refused, match="no image for linux/amd64, only for linux/arm64"):
        inspect(registry, repository, "1.0.0")
