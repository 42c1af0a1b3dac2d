"""`davylamp report`: a release, the fleet, and the releases of the past, told in full."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from davylamp.cli.output import emit
from davylamp.errors import BadInput

if TYPE_CHECKING:
    from davylamp.ledger.session import Ledger
    from davylamp.settings import Settings

app = typer.Typer(no_args_is_help=True, help="Pages of releases and of the fleet, and DORA.")

Out = Annotated[
    Path | None, typer.Option("--out", help="The file; by default under <home>/reports.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]
Days = Annotated[float, typer.Option("--days", help="How far back to look at releases.")]


@app.command()
def release(
    release_id: Annotated[int, typer.Argument(metavar="ID", help="A release's number.")],
    out: Out = None,
    as_json: AsJson = False,
) -> None:
    """Write a release's page, one HTML file, and say where. docs/reports.md says what is on it."""
    from davylamp.report.files import release_file, write_page
    from davylamp.report.read_story import read_story
    from davylamp.report.release_page import release_page

    settings, ledger = _connected()
    story = read_story(ledger, settings, release_id)
    file = write_page(out or release_file(settings, release_id), release_page(story))
    document = story.document() | {"file": str(file), "url": file.absolute().as_uri()}
    emit(document, as_json, lambda console: console.print(str(file), highlight=False))


@app.command()
def fleet(out: Out = None, days: Days = 30.0, as_json: AsJson = False) -> None:
    """Write the fleet's page: findings, releases under way, what runs, DORA, the forecast."""
    from davylamp.report.files import fleet_file, write_page
    from davylamp.report.fleet_page import fleet_page
    from davylamp.report.read_fleet import read_fleet

    _check_days(days)
    settings, ledger = _connected()
    story = read_fleet(ledger, days)
    file = write_page(out or fleet_file(settings), fleet_page(story))
    document = story.document() | {"file": str(file), "url": file.absolute().as_uri()}
    emit(document, as_json, lambda console: console.print(str(file), highlight=False))


@app.command()
def history(
    service: Annotated[str, typer.Option("--service", help="Only of this service.")] = "",
    limit: Annotated[int, typer.Option("--limit", min=1, max=10_000, help="The newest.")] = 20,
    days: Days = 30.0,
    as_json: AsJson = False,
) -> None:
    """List the newest releases, and say how those of the last days went."""
    from davylamp.cli.report_history import read_history, show

    _check_days(days)
    settings, ledger = _connected()
    document: dict[str, Any] = read_history(ledger, settings, service, limit, days)
    emit(document, as_json, lambda console: show(console, document))


def _connected() -> tuple[Settings, Ledger]:
    from davylamp.ledger.session import Ledger
    from davylamp.settings import load_settings

    settings = load_settings()
    return settings, Ledger.connect(settings.require("ledger_url"))


def _check_days(days: float) -> None:
    if not 0 < days <= 36_500:
        raise BadInput(f"--days {days:g}: above 0 and up to 36500")
