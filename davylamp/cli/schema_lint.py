"""`davylamp schema lint`: which phase do statements belong to, and what would they do?"""

from __future__ import annotations

import contextlib
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from davylamp.cli.output import emit
from davylamp.errors import BadInput
from davylamp.schema.lint.document import lint_document, with_squawk
from davylamp.schema.lint.folder import Lint, lint_history, lint_path
from davylamp.schema.phases import Phase


def lint(
    path: Annotated[
        Path | None, typer.Argument(help="A .sql file, a folder of them, or an Alembic folder.")
    ] = None,
    image: Annotated[
        str, typer.Option(help="An image's migrations instead: shop/orders:1.2.0.")
    ] = "",
    registry: Annotated[
        str, typer.Option(help="Where the image is; by default that of the settings.")
    ] = "",
    unsigned: Annotated[
        bool, typer.Option("--unsigned", help="Run revisions of an image that nobody signed.")
    ] = False,
    trace: Annotated[
        str, typer.Option(help="Watch each statement's locks on a copy of this database (URL).")
    ] = "",
    trace_scratch: Annotated[
        bool, typer.Option("--trace-scratch", help="The same on an empty PostgreSQL of its own.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Say which phase of a schema change each statement belongs to. Exit 1: something is refused.

    A statement that would lock, rewrite or break beside live builds is refused, with the safe
    way written out. An Alembic revision's own `phase` must agree. docs/schema-lint.md has the
    rules.
    """
    with contextlib.redirect_stdout(sys.stderr):  # revisions are programs, and may print
        found = _found(path, image, registry, unsigned)
    document = lint_document(with_squawk(found))
    if trace or trace_scratch:
        document["traces"] = _traces(found, trace, trace_scratch)
    from davylamp.cli.schema_lint_screen import show

    emit(document, as_json, lambda console: show(console, document))
    if found.phase is Phase.REFUSED:
        raise typer.Exit(1)


def _found(path: Path | None, image: str, registry: str, unsigned: bool) -> Lint:
    if (path is None) == (not image):
        raise BadInput("give either a path or --image: `davylamp schema lint migrations/`")
    return lint_path(path) if path is not None else _of_image(image, registry, unsigned)


def _of_image(image: str, registry: str, unsigned: bool) -> Lint:
    from davylamp.builds.digest import parse_image
    from davylamp.builds.keys import load_trusted_keys
    from davylamp.builds.open import open_registry
    from davylamp.builds.verify import SignaturePending, verify_build
    from davylamp.errors import Refused
    from davylamp.schema.image_revisions import revisions_of_image
    from davylamp.settings import load_settings

    settings = load_settings()
    wanted = parse_image(image)
    opened = open_registry(registry or settings.require("registry_url"))
    reference = f"{wanted.tag}@{wanted.digest}" if wanted.tag and wanted.digest else wanted.wanted
    keys = () if unsigned else load_trusted_keys(settings.keys_folder)
    built = verify_build(opened, wanted.repository, reference, keys, required=not unsigned)
    if isinstance(built, SignaturePending):
        raise Refused(
            f"{image}: {built.reason}: its revisions are programs that would run here; sign it, "
            "or say --unsigned when you trust it"
        )
    return lint_history(revisions_of_image(opened, wanted.repository, built.digest))


def _traces(found: Lint, url: str, on_scratch: bool) -> list[dict[str, Any]]:
    from davylamp.plane.scratch import scratch_postgres
    from davylamp.schema.lint.document import trace_document
    from davylamp.schema.lock_trace import trace

    if url and on_scratch:
        raise BadInput("give either --trace URL or --trace-scratch")
    if url:
        return [trace_document(one) for one in trace(url, found.sources)]
    with scratch_postgres() as scratch:
        return [trace_document(one) for one in trace(scratch, found.sources)]
