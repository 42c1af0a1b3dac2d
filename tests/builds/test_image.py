from __future__ import annotations

import json
import os
import tarfile
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest

from davylamp.builds.contract import Contract
from davylamp.builds.image import BuiltImage, build_image, push_image
from davylamp.builds.protocol import Registry
from davylamp.errors import BadInput, Refused


def entries(built: BuiltImage) -> dict[str, tarfile.TarInfo]:
    with tarfile.open(fileobj=BytesIO(built.layer.gzipped)) as tar:
        return {entry.name: entry for entry in tar}


def test_equal_files_make_an_equal_image(source: Path, tmp_path: Path) -> None:
    first = build_image(source, version="1.2.0", environment={"B": "2", "A": "1"})
    moved = tmp_path / "elsewhere"
    source.rename(moved)
    for file in moved.rglob("*"):
        os.utime(file, (1, 1))
    (moved / "lib/__pycache__").mkdir()
    (moved / "lib/__pycache__/prices.cpython-311.pyc").write_bytes(b"compiled")
    assert build_image(moved, version="1.2.0", environment={"A": "1", "B": "2"}) == first


def test_another_version_is_another_image(source: Path) -> None:
    first, second = (build_image(source, version=v) for v in ("1.2.0", "1.3.0"))
    assert first.digest != second.digest
    assert first.layer == second.layer


def test_files_land_in_app_without_owner_or_time(source: Path) -> None:
    (source / "run").write_text("#!/bin/sh\n")
    (source / "run").chmod(0o700)
    found = entries(build_image(source, version="1.2.0"))
    assert sorted(found) == ["app", "app/lib", "app/lib/prices.py", "app/run", "app/server.py"]
    assert {(e.uid, e.gid, e.uname, e.mtime) for e in found.values()} == {(0, 0, "", 0)}
    assert (found["app/run"].mode, found["app/server.py"].mode) == (0o755, 0o644)


def test_the_configuration_says_how_to_run_it_and_what_it_promises(source: Path) -> None:
    built = build_image(source, version="1.2.0", environment={"LEVEL": "debug", "X": "a=b"})
    run = json.loads(built.config)["config"]
    assert run["Entrypoint"] == ["python3", "server.py"]
    assert run["WorkingDir"] == "/app"
    assert run["Env"] == ["LEVEL=debug", "MODE=shop", "X=a=b"]
    assert run["Labels"]["org.opencontainers.image.version"] == "1.2.0"
    contract = Contract.model_validate_json(run["Labels"]["dev.davylamp.contract"])
    assert contract == Contract(flags=("new-checkout",), api_versions=("2026-01-01",))


def test_a_folder_without_build_file_needs_entrypoint_and_contract(source: Path) -> None:
    (source / "davylamp.yaml").unlink()
    with pytest.raises(BadInput, match=r"davylamp\.yaml is missing"):
        build_image(source, version="1.2.0")
    built = build_image(source, version="1.2.0", entrypoint=["/app/run"], contract=Contract())
    assert json.loads(built.config)["config"]["Entrypoint"] == ["/app/run"]


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("contract: {}", "entrypoint"),
        ("entrypoint: [a]", "contract"),
        ("entrypoint: []\ncontract: {}", "entrypoint"),
        ("entrypoint: a\ncontract: {}", "entrypoint"),
        ("entrypoint: [a]\ncontract: {flagz: [b]}", "contract.flagz"),
        ("entrypoint: [a]\ncontract: {}\nworkdir: app", "workdir"),
        ("entrypoint: [a]\ncontract: {}\nenv: {}", "env"),
        ("entrypoint: [a", "unreadable"),
        ("", "the file"),
    ],
)
def test_a_wrong_build_file_is_named_with_its_field(source: Path, text: str, wrong: str) -> None:
    (source / "davylamp.yaml").write_text(text)
    with pytest.raises(BadInput) as caught:
        build_image(source, version="1.2.0")
    assert str(source / "davylamp.yaml") in str(caught.value)
    assert wrong in str(caught.value)


def test_a_version_that_cannot_be_a_tag_is_bad_input(source: Path) -> None:
    with pytest.raises(BadInput, match="is no tag"):
        build_image(source, version="1.2.0+build")


def test_what_is_neither_file_nor_folder_is_bad_input(source: Path) -> None:
    os.mkfifo(source / "pipe")
    with pytest.raises(BadInput, match="pipe: neither file"):
        build_image(source, version="1.2.0")
    with pytest.raises(BadInput, match="is no folder"):
        build_image(source / "nowhere", version="1.2.0")


def test_a_version_is_not_moved_to_another_build_by_accident(
    registry: Registry, repository: str, source: Path, keys: Any
) -> None:
    first = push_image(registry, repository, build_image(source, version="1.2.0"), keys.private)
    (source / "server.py").write_text("print('changed')\n")
    changed = build_image(source, version="1.2.0")
    with pytest.raises(Refused, match=f"1.2.0 is {first.digest} already"):
        push_image(registry, repository, changed, keys.private)
    assert registry.resolve(repository, "1.2.0") == first.digest
    moved = push_image(registry, repository, changed, keys.private, move_tag=True)
    assert registry.resolve(repository, "1.2.0") == moved.digest == changed.digest
