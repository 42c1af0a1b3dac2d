"""`davylamp schema apply`: run a history's pending revisions on a database."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.text import Text

from davylamp.cli.output import emit
from davylamp.cli.schema_target import DatabaseOption, JsonOption, UrlOption, chosen
from davylamp.errors import BadInput
from davylamp.schema.phases import Phase

if TYPE_CHECKING:
    from davylamp.schema.apply import Applied
    from davylamp.schema.apply_limits import Step


def apply(
    path: Annotated[Path, typer.Argument(help="An Alembic folder.")],
    database: DatabaseOption = "",
    url: UrlOption = "",
    upto: Annotated[
        str, typer.Option(help="expand, or migrate: dual write, backfill, validation too.")
    ] = "expand",
    as_json: JsonOption = False,
) -> None:
    """Run what is pending, beside every build that is alive. Exit 1: refused, or it gave up.

    It can be interrupted at any moment, and goes on where it stopped when it is run again.
    Contract revisions are never run by this.
    """
    from davylamp.cli.schema_bar import progress_bar
    from davylamp.cli.schema_history import history_of
    from davylamp.schema.apply import apply_revisions

    if upto not in (Phase.EXPAND, Phase.MIGRATE):
        raise BadInput(f"--upto {upto}: say expand or migrate; a drop goes through a release")
    target, history = chosen(database, url), history_of(path)
    steps: list[Step] = []
    with progress_bar() as on_progress:
        done = apply_revisions(target, history, Phase(upto), steps.append, on_progress)
    document = {
        "applied": list(done.applied),
        "pending": [{"revision": one.id, "phase": one.phase.value} for one in done.pending],
        "repaired": [step.detail for step in steps if step.event == "repaired"],
    }
    emit(document, as_json, lambda console: _show(console, done, steps))


def _show(console: Console, done: Applied, steps: Sequence[Step]) -> None:
    console.print(Text(f"applied: {', '.join(done.applied) or 'nothing'}"))
    for step in steps:
        if step.event == "repaired":
            console.print(Text(f"repaired: {step.detail}"))
    for one in done.pending:
        console.print(Text(f"pending: {one.id} ({one.phase})"))
