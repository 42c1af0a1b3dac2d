"""`davylamp build …` as it is typed."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from davylamp.builds.signature import generate_keys
from davylamp.cli.build import app
from davylamp.errors import BadInput, Refused, Unreachable


@pytest.fixture
def run(
    registry_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., Result]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DAVYLAMP_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("DAVYLAMP_REGISTRY_URL", registry_url)

    def invoke(*words: str) -> Result:
        return CliRunner().invoke(app, list(words))

    return invoke


def answer(result: Result) -> Any:
    assert result.exit_code == 0, (result.output, result.exception)
    return json.loads(result.stdout)


def test_a_folder_becomes_a_signed_image_that_can_be_looked_at(
    run: Callable[..., Result], repository: str, source: Path
) -> None:
    made = answer(run("keygen", "--json"))
    assert Path(made["private_key"]).exists()
    words = ["push", str(source), "--repository", repository, "--version", "1.2.0", "--json"]
    pushed = answer(run(*words, "--env", "LEVEL=debug", "--env", "X=a=b"))
    assert pushed["image"] == f"{repository}@{pushed['digest']}"
    seen = answer(run("inspect", f"{repository}:1.2.0", "--json"))
    assert seen["digest"] == pushed["digest"]
    assert seen["version"] == "1.2.0"
    assert seen["signed_by"] == pushed["signed_by"] != ""
    assert seen["contract"]["flags"] == ["new-checkout"]
    assert seen["environment"] == {"LEVEL": "debug", "MODE": "shop", "X": "a=b"}
    assert len(seen["layers"]) == 1
    assert answer(run("tags", repository, "--json")) == {
        "repository": repository,
        "tags": [{"tag": "1.2.0", "digest": pushed["digest"], "has_signature": True}],
    }


def test_an_unsigned_image_is_pending(
    run: Callable[..., Result], repository: str, source: Path
) -> None:
    answer(run("keygen", "--json"))
    words = ["push", str(source), "--repository", repository, "--version", "1.2.0", "--no-sign"]
    assert answer(run(*words, "--json"))["signed_by"] == ""
    seen = answer(run("inspect", f"{repository}:1.2.0", "--json"))
    assert (seen["signed_by"], seen["signature"]) == ("", "pending")
    assert answer(run("tags", repository, "--json"))["tags"][0]["has_signature"] is False


def test_a_wrongly_signed_image_is_shown_and_ends_with_1(
    run: Callable[..., Result], repository: str, source: Path, tmp_path: Path
) -> None:
    answer(run("keygen", "--json"))
    stranger, _ = generate_keys(tmp_path / "stranger")
    words = ["push", str(source), "--repository", repository, "--version", "1.2.0"]
    answer(run(*words, "--key", str(stranger), "--json"))
    result = run("inspect", f"{repository}:1.2.0", "--json")
    assert result.exit_code == 1
    assert "no trusted key" in json.loads(result.stdout)["signature"]


def test_what_people_read_names_the_digest(
    run: Callable[..., Result], repository: str, source: Path
) -> None:
    words = ["push", str(source), "--repository", repository, "--version", "1.2.0", "--no-sign"]
    for result in (run(*words), run("inspect", f"{repository}:1.2.0"), run("tags", repository)):
        assert result.exit_code == 0
        assert "sha256:" in result.stdout


@pytest.mark.parametrize(
    ("words", "error", "message"),
    [
        (["inspect", "shop/checkout"], BadInput, "names no image"),
        (["inspect", "shop/never-pushed:1.0.0"], BadInput, ""),
        (["push", "SOURCE", "--repository", "A", "--version", "1"], BadInput, "repository name"),
        (["push", "SOURCE", "--repository", "a/b", "--version", "1"], BadInput, "build keygen"),
        (
            ["push", "SOURCE", "--repository", "a/b", "--version", "1", "--no-sign", "--env", "X"],
            BadInput,
            "NAME=VALUE",
        ),
        (["tags", "a/b", "--registry", "ftp://x"], BadInput, "is no registry"),
        (["tags", "a/b", "--registry", "http://127.0.0.1:1"], Unreachable, "does not answer"),
    ],
)
def test_what_goes_wrong_says_what_to_do(
    run: Callable[..., Result],
    source: Path,
    words: list[str],
    error: type[Exception],
    message: str,
) -> None:
    result = run(*[str(source) if word == "SOURCE" else word for word in words])
    assert isinstance(result.exception, error)
    assert message in str(result.exception)


def test_a_second_key_is_not_made_over_the_first(run: Callable[..., Result]) -> None:
    answer(run("keygen", "--json"))
    assert isinstance(run("keygen", "--json").exception, Refused)


def test_without_a_plane_a_push_says_so_and_not_that_a_key_is_missing(
    run: Callable[..., Result], source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DAVYLAMP_REGISTRY_URL")
    result = run("push", str(source), "--repository", "a/b", "--version", "1")
    assert isinstance(result.exception, Unreachable)
    assert "davylamp up" in str(result.exception)
