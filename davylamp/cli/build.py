"""`davylamp build`: make, sign, push and look at images."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from davylamp.builds.digest import check_repository, parse_image
from davylamp.builds.image import build_image, push_image
from davylamp.builds.keys import PRIVATE_KEY
from davylamp.builds.open import open_registry
from davylamp.builds.signature import Pending, find_signature, generate_keys, load_trusted_keys
from davylamp.builds.verify import ImageFacts, inspect
from davylamp.builds.versions import is_signature_tag, ordered
from davylamp.cli.output import emit
from davylamp.errors import BadInput, Refused
from davylamp.settings import load_settings

app = typer.Typer(help="Make, sign, push and look at images.", no_args_is_help=True)

RegistryOption = Annotated[
    str, typer.Option("--registry", help="Its address; by default that of the settings.")
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]


@app.command()
def push(
    folder: Annotated[Path, typer.Argument(help="Folder with a davylamp.yaml in it.")],
    *,
    repository: Annotated[str, typer.Option(help="Name in the registry, e.g. shop/checkout.")],
    version: Annotated[str, typer.Option(help="Becomes the tag.")],
    env: Annotated[list[str] | None, typer.Option(help="K=V, as often as needed.")] = None,
    registry: RegistryOption = "",
    key: Annotated[
        Path | None, typer.Option(help="Private key; by default <home>/keys/davylamp.key.")
    ] = None,
    sign: Annotated[bool, typer.Option("--sign/--no-sign")] = True,
    move_tag: Annotated[
        bool, typer.Option("--move-tag", help="Let a version stand for another build from now on.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Make an image from a folder, push it, and sign it."""
    settings = load_settings()
    check_repository(repository)
    opened = open_registry(registry or settings.require("registry_url"))
    signing = (key or settings.home / "keys" / PRIVATE_KEY) if sign else None
    if signing and not signing.is_file():
        raise BadInput(
            f"{signing} does not exist: make a key with `davylamp build keygen`, or push unsigned "
            "with --no-sign"
        )
    built = build_image(folder, version=version, environment=_variables(env or []))
    pushed = push_image(opened, repository, built, signing, move_tag=move_tag)
    document = {**asdict(pushed), "image": pushed.image}
    emit(document, as_json, lambda console: _print(console, document))


@app.command()
def keygen(
    folder: Annotated[
        Path | None, typer.Option(help="Where to; by default <home>/keys, which is trusted.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Make a key pair to sign builds with."""
    private, public = generate_keys(folder or load_settings().home / "keys")
    document = {"private_key": str(private), "public_key": str(public)}
    emit(document, as_json, lambda console: _print(console, document))


@app.command("inspect")
def inspect_image(
    image: Annotated[str, typer.Argument(help="shop/checkout:1.2.0 or shop/checkout@sha256:…")],
    registry: RegistryOption = "",
    as_json: JsonOption = False,
) -> None:
    """Say what an image is, who signed it, and what it promises. Exit 1 if wrongly signed."""
    settings = load_settings()
    wanted = parse_image(image)
    opened = open_registry(registry or settings.require("registry_url"))
    reference = f"{wanted.tag}@{wanted.digest}" if wanted.tag and wanted.digest else wanted.wanted
    facts = inspect(opened, wanted.repository, reference)
    keys = load_trusted_keys(settings.keys_folder)
    signed_by, signature, wrong = "", f"unknown: no key in {settings.keys_folder}", False
    if keys:
        try:
            found = find_signature(opened, facts.repository, facts.digest, keys)
        except Refused as error:
            signature, wrong = f"wrong: {error}", True
        else:
            is_pending = isinstance(found, Pending)
            signature = "pending" if is_pending else f"good, by {found.key_name}"
            signed_by = "" if is_pending else found.fingerprint
    document = {**_facts(facts), "signed_by": signed_by, "signature": signature}
    emit(document, as_json, lambda console: _print(console, document))
    if wrong:
        raise typer.Exit(Refused.exit_code)


@app.command()
def tags(
    repository: Annotated[str, typer.Argument(help="Name in the registry, e.g. shop/checkout.")],
    registry: RegistryOption = "",
    as_json: JsonOption = False,
) -> None:
    """List the versions of a repository, oldest first."""
    opened = open_registry(registry or load_settings().require("registry_url"))
    found = opened.tags(repository)
    signed = {tag for tag in found if is_signature_tag(tag)}
    listed = [(tag, opened.resolve(repository, tag)) for tag in ordered(found)]
    rows = [
        {"tag": tag, "digest": digest, "has_signature": f"{digest.replace(':', '-')}.sig" in signed}
        for tag, digest in listed
    ]
    document = {"repository": repository, "tags": rows}
    emit(document, as_json, lambda console: console.print(_table(rows)))


def _variables(given: Sequence[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for one in given:
        name, equals, value = one.partition("=")
        if not name or not equals:
            raise BadInput(f"--env {one!r}: expected NAME=VALUE")
        found[name] = value
    return found


def _facts(facts: ImageFacts) -> dict[str, Any]:
    return {
        "image": facts.image,
        "repository": facts.repository,
        "digest": facts.digest,
        "version": facts.version,
        "created": facts.created,
        "entrypoint": list(facts.entrypoint),
        "environment": facts.environment,
        "workdir": facts.workdir,
        "contract": facts.contract.model_dump(mode="json"),
        "layers": [
            {"digest": layer.digest, "size": layer.size, "media_type": layer.media_type}
            for layer in facts.manifest.layers
        ],
    }


def _print(console: Console, document: dict[str, Any]) -> None:
    table = Table(show_header=False, box=None, pad_edge=False)
    table.add_column(style="bold")
    table.add_column(overflow="fold")
    for name, value in document.items():
        table.add_row(name.replace("_", " "), _words(value))
    console.print(table)


def _words(value: Any) -> str:
    if isinstance(value, str):
        return value or "–"
    return json.dumps(value) if value else "–"


def _table(rows: Sequence[dict[str, Any]]) -> Table:
    table = Table("tag", "digest", "signature", box=None, pad_edge=False)
    for row in rows:
        table.add_row(row["tag"], row["digest"], "yes" if row["has_signature"] else "no")
    return table
