"""`davylamp schema backfill`: run a backfill, pause it, let it go on, stop it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from davylamp.cli.output import emit
from davylamp.cli.schema_target import DatabaseOption, JsonOption, UrlOption, chosen
from davylamp.errors import BadInput

if TYPE_CHECKING:
    from davylamp.schema.database import TargetDatabase
    from davylamp.schema.revision import DualWrite

app = typer.Typer(no_args_is_help=True, help="Backfills: resumable, and throttled.")
Name = Annotated[str, typer.Argument(help="table.new_column, as `davylamp schema status` has it.")]


@app.callback()
def group() -> None:
    """Backfills: resumable, and throttled."""


@app.command()
def run(
    name: Name,
    database: DatabaseOption = "",
    url: UrlOption = "",
    history: Annotated[
        Path | None, typer.Option(help="The Alembic folder, for one that was never begun.")
    ] = None,
    duty: Annotated[float, typer.Option(help="Share of the time to work, up to 1.")] = 0.3,
    unthrottled: Annotated[
        bool, typer.Option("--unthrottled", help="As fast as it goes, whatever the load.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Run a backfill from where it stopped to its verified end. Exit 1: it was stopped, paused,
    or refused.

    The revision that it belongs to is finished by `davylamp schema apply --upto migrate`.
    """
    from davylamp.cli.schema_bar import progress_bar
    from davylamp.schema.backfill.limits import UNTHROTTLED, BackfillLimits
    from davylamp.schema.backfill.model import BackfillState
    from davylamp.schema.backfill.run import run_backfill
    from davylamp.schema.document import result_document

    if not 0 < duty <= 1:
        raise BadInput(f"--duty {duty:g}: a share above 0 and up to 1")
    limits = BackfillLimits()
    throttle = UNTHROTTLED if unthrottled else replace(limits.throttle, duty=duty)
    target = chosen(database, url)
    dual_write = _dual_write(target, name, history)
    with progress_bar() as on_progress:
        result = run_backfill(target, dual_write, on_progress, replace(limits, throttle=throttle))
    line = f"{result.backfill} is {result.state}: {result.rows_changed:,} rows migrated"
    emit(result_document(result), as_json, lambda console: console.print(line, markup=False))
    if result.state is not BackfillState.DONE:
        raise typer.Exit(1)


@app.command()
def pause(
    name: Name, database: DatabaseOption = "", url: UrlOption = "", as_json: JsonOption = False
) -> None:
    """Let its worker wait, after the batch it is in."""
    _ask(name, database, url, "pause", as_json)


@app.command()
def resume(
    name: Name, database: DatabaseOption = "", url: UrlOption = "", as_json: JsonOption = False
) -> None:
    """Let a paused worker go on. Where no worker is left, `run` starts one."""
    _ask(name, database, url, "run", as_json)


@app.command()
def stop(
    name: Name, database: DatabaseOption = "", url: UrlOption = "", as_json: JsonOption = False
) -> None:
    """Let its worker end, after the batch it is in. `run` goes on from there."""
    _ask(name, database, url, "stop", as_json)


def _ask(name: str, database: str, url: str, wish: str, as_json: bool) -> None:
    from davylamp.schema.backfill.ask import Wish, ask_backfill
    from davylamp.schema.document import progress_document

    record = ask_backfill(chosen(database, url), name, Wish(wish))
    document = progress_document(record.progress()) | {"wanted": wish}
    line = f"{record.id} is asked to {wish}; it is {record.state}"
    emit(document, as_json, lambda console: console.print(line, markup=False))


def _dual_write(target: TargetDatabase, name: str, history: Path | None) -> DualWrite:
    from davylamp.cli.schema_history import history_of
    from davylamp.schema.control import control_version
    from davylamp.schema.dual_names import id_of
    from davylamp.schema.dual_write import installed_dual_writes

    with target.connect("state") as db:
        known = installed_dual_writes(db) if control_version(db) else ()
    if history:
        known += tuple(one.dual_write for one in history_of(history) if one.dual_write)
    for one in known:
        if id_of(one) in (name, f"public.{name}"):
            return one
    names = ", ".join(sorted({id_of(one) for one in known})) or "none"
    raise BadInput(
        f"there is no dual write {name}; there are: {names}. One that was never begun is found "
        "with --history and the Alembic folder"
    )
