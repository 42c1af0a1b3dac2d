"""`davylamp catalog`: which services there are, and what is wrong with their files."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from davylamp.cli.output import emit

if TYPE_CHECKING:
    from davylamp.catalog.model import Catalog, Service
    from davylamp.catalog.problem import Problem

app = typer.Typer(no_args_is_help=True, help="The services, and how each wants to be released.")

Folder = Annotated[
    Path | None, typer.Option("--folder", help="The catalog; by default that of the settings.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]


@app.command()
def check(
    folder: Annotated[
        Path | None, typer.Argument(help="The catalog; by default that of the settings.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Say file, line and field of whatever is wrong. Exit 1 when something is."""
    from davylamp.catalog.load import check_catalog

    where = _folder(folder)
    problems = check_catalog(where)
    document = {
        "folder": str(where),
        "problems": [asdict(p) | {"file": str(p.file)} for p in problems],
    }
    emit(document, as_json, lambda console: _show_problems(console, where, problems))
    if problems:
        raise typer.Exit(1)


@app.command("list")
def list_services(folder: Folder = None, as_json: AsJson = False) -> None:
    """Name every service, its owner and where it is found."""
    catalog = _load(folder)
    services = [service.model_dump(mode="json") for service in catalog.services.values()]
    emit({"services": services}, as_json, lambda console: _show_services(console, catalog))


@app.command()
def show(
    service: Annotated[str, typer.Argument(help="A service's name.")],
    folder: Folder = None,
    as_json: AsJson = False,
) -> None:
    """Print everything that holds for one service, defaults included."""
    found = _load(folder).service(service)
    emit(found.model_dump(mode="json"), as_json, lambda console: _show_service(console, found))


def _folder(given: Path | None) -> Path:
    from davylamp.settings import load_settings

    return given if given is not None else load_settings().catalog


def _load(folder: Path | None) -> Catalog:
    from davylamp.catalog.load import load_catalog

    return load_catalog(_folder(folder))


def _show_problems(console: Console, folder: Path, problems: list[Problem]) -> None:
    for found in problems:
        console.print(_plain(str(found)), soft_wrap=True)
    if not problems:
        console.print(_plain(f"{folder}: nothing wrong"), soft_wrap=True)


def _show_services(console: Console, catalog: Catalog) -> None:
    table = Table("service", "owner", "tier", "image", "hosts", "steps")
    for service in catalog.services.values():
        steps = " → ".join(f"{step.share * 100:g} %" for step in service.release.steps)
        hosts = ", ".join(service.route.hosts)
        columns = (service.name, service.owner, str(service.tier), service.image.repository)
        table.add_row(*(_plain(text) for text in (*columns, hosts, steps)))
    console.print(table)


def _show_service(console: Console, service: Service) -> None:
    import yaml

    text = yaml.safe_dump(service.model_dump(mode="json"), sort_keys=False, allow_unicode=True)
    console.print(Text(text), end="", soft_wrap=True)


def _plain(text: str) -> Text:
    """Text from outside: no markup, and nothing a terminal cannot take."""
    return Text("".join(c if c.isprintable() else "?" for c in text))
