"""Which database a command of `davylamp schema` means: one of the catalog, or a URL."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from davylamp.errors import BadInput

if TYPE_CHECKING:  # they would be loaded for every `--help`
    from davylamp.catalog.databases import Database
    from davylamp.schema.database import TargetDatabase

DatabaseOption = Annotated[str, typer.Option("--database", help="A database of the catalog.")]
UrlOption = Annotated[
    str, typer.Option("--url", help="Instead: postgresql://user:password@host/database.")
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]


def chosen(database: str, url: str) -> TargetDatabase:
    """Raises `BadInput` unless exactly one of them is given and means something."""
    if bool(database) == bool(url):
        raise BadInput("say which database: the name of one of the catalog, or --url")
    from davylamp.schema.database import TargetDatabase

    if url:
        return TargetDatabase(url)
    from davylamp.catalog.load import load_catalog
    from davylamp.schema.whereabouts import url_of
    from davylamp.settings import load_settings

    settings = load_settings()
    known: dict[str, Database] = {}
    for service in load_catalog(settings.catalog).services.values():
        known |= service.databases
    if database not in known:
        raise BadInput(
            f"no service of the catalog {settings.catalog} has a database {database}; there are: "
            f"{', '.join(sorted(known)) or 'none'}"
        )
    return TargetDatabase(url_of(settings, database, known[database]), database)
