"""`davylamp tidy`: forget what nobody needs any more."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from davylamp.cli.output import emit

if TYPE_CHECKING:
    from rich.console import Console

    from davylamp.ledger.retention import Tidied


def tidy(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only count what would go.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Delete old evidence, ended copies, looks and closed findings of the audit from the ledger.

    Releases and what was decided stay for ever. Dagster does the same once an hour, for its own
    runs too; docs/retention.md says what is kept for how long.
    """
    from davylamp.ledger import retention
    from davylamp.ledger.session import Ledger
    from davylamp.settings import load_settings

    settings = load_settings()
    ledger = Ledger.connect(settings.require("ledger_url"))
    try:
        act = retention.would_tidy if dry_run else retention.tidy
        found = act(ledger, retention.Keep.of(settings))
    finally:
        ledger.close()
    document = {"dry_run": dry_run, "rows": found.rows, "is_done": found.is_done}
    emit(document, as_json, lambda console: _show(console, found, dry_run))


def _show(console: Console, found: Tidied, dry_run: bool) -> None:
    from rich.table import Table

    table = Table("table", "rows that would go" if dry_run else "rows deleted")
    for name, rows in found.rows.items():
        table.add_row(name, f"{rows:,}")
    console.print(table)
    if not found.is_done:
        console.print("There is more: run it again.")
