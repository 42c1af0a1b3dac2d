"""`davylamp schema status`: what a database's schema is like, and where a change of it stopped."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from davylamp.cli.output import emit
from davylamp.cli.schema_target import JsonOption, UrlOption, chosen

if TYPE_CHECKING:
    from davylamp.schema.state import BackfillStanding, SchemaState


def status(
    database: Annotated[str, typer.Argument(help="A database of the catalog.")] = "",
    url: UrlOption = "",
    history: Annotated[
        Path | None, typer.Option(help="An Alembic folder, to say what of it is pending.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Show revisions, backfills with rate and time left, quarantines, and who still needs what the
    next drop takes. Exit 1 when a change stopped half-way and nobody is at work on it."""
    from davylamp.cli.schema_history import history_of
    from davylamp.cli.schema_next_drop import next_drop
    from davylamp.schema.document import state_document
    from davylamp.schema.state import state_of

    found = state_of(chosen(database, url), history_of(history) if history else ())
    drop = next_drop(database) if database else None
    document = state_document(found) | {"next_drop": drop.document() if drop else None}

    def human(console: Console) -> None:
        _show(console, found)
        if drop:
            console.print(Text(drop.line))

    emit(document, as_json, human)
    if found.stopped:
        raise typer.Exit(1)


def _show(console: Console, state: SchemaState) -> None:
    at = state.revision or "before its first revision"
    console.print(Text(f"{state.database} at {at}, phase {state.phase}"))
    if state.revisions:
        console.print(_revisions(state))
    if state.pending:
        console.print(Text(f"pending: {', '.join(state.pending)}"))
    for one in state.backfills:
        console.print(Text(backfill_line(one)))
    for one in state.dual_writes:
        console.print(Text(f"dual write {one.schema}.{one.table}: {one.old} = {one.new}"))
    for one in state.quarantines:
        console.print(Text(f"quarantine {one.id}: {one.state} {one.reason}".rstrip()))
    if state.stopped:
        console.print(Text(f"stopped: {state.stopped}", style="red"))


def _revisions(state: SchemaState) -> Table:
    table = Table("revision", "phase", "state", "statements", "why")
    for one in state.revisions:
        done = f"{one.done} of {one.statements}"
        table.add_row(Text(one.id), one.phase.value, one.state, done, Text(one.reason))
    return table


def backfill_line(one: BackfillStanding) -> str:
    """One line on a backfill, as people want it."""
    p = one.progress
    left = f", {p.seconds_left:,.0f} s left" if math.isfinite(p.seconds_left) else ""
    rate = f"{p.rows_per_second:,.0f} rows/s{left}"
    who = f"; {one.holder}" if one.holder else ""
    why = f" ({one.reason})" if one.reason else ""
    return (
        f"backfill {p.backfill}: {p.state}{why}, {p.rows_done:,} rows, {p.share:.0%}, {rate}{who}"
    )
